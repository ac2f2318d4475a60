# SPDX-License-Identifier: BSD-3-Clause
import tempfile
import unittest
from pathlib import Path

from bellwire.suite import layers

CMAKE = {
    "os": "bellwire_layer(os\n  SOURCES a.cpp\n  USES Boost::headers)\n",
    "core": "bellwire_layer(core\n  SOURCES a.cpp\n  USES bellwire::os)\n\n"
            "bellwire_test(core\n  SOURCES a_test.cpp\n  USES bellwire::ring)\n",
    "ring": "bellwire_layer(ring\n  SOURCES a.cpp  # one\n  USES bellwire::core)\n",
    "devices": "bellwire_layer(devices\n  SOURCES a.cpp\n  USES bellwire::card)\n",
    "transport/card": "bellwire_layer(card\n  SOURCES a.cpp\n  USES bellwire::devices)\n",
}


class LayersTest(unittest.TestCase):
    def setUp(self) -> None:
        self.root = Path(self.enterContext(tempfile.TemporaryDirectory()))
        for folder, text in CMAKE.items():
            path = self.root / "vdev" / folder
            path.mkdir(parents=True)
            (path / "CMakeLists.txt").write_text(text)

    def wrong(self, file: str, header: str) -> list[str]:
        path = self.root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'#include <vector>\n#include "{header}"\n')
        return list(layers.wrong_includes(self.root, [path]))

    def test_a_layer_reaches_itself_and_what_it_uses(self) -> None:
        for header in ("vdev/ring/a.hpp", "vdev/core/a.hpp", "vdev/os/deep/a.hpp",
                       "guest-kmod/uapi/bellwire.h"):
            self.assertEqual(self.wrong("vdev/ring/server/a.cpp", header), [])

    def test_nothing_above_it(self) -> None:
        self.assertEqual(self.wrong("vdev/core/a.hpp", "vdev/ring/a.hpp"),
                         ["vdev/core/a.hpp includes vdev/ring/a.hpp: its layer does not use ring"])

    def test_a_test_reaches_what_it_uses_itself(self) -> None:
        self.assertEqual(self.wrong("vdev/core/a_test.cpp", "vdev/ring/a.hpp"), [])
        self.assertNotEqual(self.wrong("vdev/core/a_test.cpp", "vdev/devices/a.hpp"), [])

    def test_what_never_sees_what(self) -> None:
        for file, header in (("vdev/ring/a.cpp", "host/a.hpp"),
                             ("vdev/ring/a.cpp", "guest-kmod/bell/a.hpp"),
                             ("vdev/devices/a.cpp", "vdev/transport/card/a.hpp"),
                             ("vdev/transport/card/a.cpp", "vdev/devices/a.hpp")):
            with self.subTest(file, header=header):
                self.assertIn("never includes", "".join(self.wrong(file, header)))

    def test_the_host_includes_all(self) -> None:
        self.assertEqual(self.wrong("host/a.cpp", "vdev/ring/a.hpp"), [])

    def test_the_sources_of_a_layer_reach_no_test_library(self) -> None:
        for name, text in (("ring/a.cpp", '#include "vdev/ring/scene.hpp"\n'),
                           ("ring/scene.hpp", "#include <doctest/doctest.h>\n"),
                           ("core/a_test.cpp", "#include <doctest/doctest.h>\n")):
            (self.root / "vdev" / name).write_text(text)
        self.assertEqual(list(layers.with_test_library(self.root)),
                         ["vdev/ring/a.cpp reaches vdev/ring/scene.hpp, which includes the test library"])
