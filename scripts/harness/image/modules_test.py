# SPDX-License-Identifier: BSD-3-Clause
import lzma
import tempfile
import unittest
from pathlib import Path

from bellwire.core.places import HarnessError
from bellwire.image import modules
from bellwire.image.cpio import Archive
from bellwire.image.modules import Own


class ModulesTest(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory())) / "6.1.0/kernel"
        self.module("bus/core.ko")
        self.module("bus/middle-part.ko", "core")
        self.module("drivers/gpio-card.ko", "middle-part,core")
        self.folder.with_name("modules.builtin").write_text("kernel/drivers/gpio/gpio-lib.ko\n")

    def module(self, name: str, depends: str = "") -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"\0license=GPL\0depends=" + depends.replace("-", "_").encode() + b"\0")

    def stock(self, *names: str) -> list[str]:
        return [path.name for path in modules.stock(names, self.folder)]

    def test_what_it_needs_comes_first_and_once(self) -> None:
        self.assertEqual(self.stock("gpio-card", "core"),
                         ["core.ko", "middle-part.ko", "gpio-card.ko"])

    def test_an_algorithm_that_it_asks_for_comes_in_its_plain_implementation(self) -> None:
        self.module("crypto/crc32c_generic.ko")
        for asked in ("pre: crypto-crc32c", "pre: crc32c", "pre: crypto-crc32c post: other"):
            (self.folder / "drivers/disk.ko").write_bytes(
                b"\0softdep=" + asked.encode() + b"\0depends=core\0")
            with self.subTest(asked):
                self.assertEqual(self.stock("disk"), ["core.ko", "crc32c_generic.ko", "disk.ko"])

    def test_a_dash_is_an_underscore(self) -> None:
        self.assertEqual(self.stock("gpio_card"), self.stock("gpio-card"))

    def test_what_is_built_in_needs_no_file(self) -> None:
        self.assertEqual(self.stock("gpio-lib"), [])

    def test_what_the_kernel_does_not_have_is_named(self) -> None:
        with self.assertRaisesRegex(HarnessError, "no module 'gpio_crad' in kernel 6.1.0"):
            self.stock("gpio-crad")

    def test_none_wanted_asks_nobody(self) -> None:
        self.assertEqual(modules.stock((), Path("/nonexistent")), [])

    def test_packed_ones_are_unpacked(self) -> None:
        (self.folder / "packed.ko.xz").write_bytes(lzma.compress(b"\0depends=core\0"))
        self.assertEqual(self.stock("packed"), ["core.ko", "packed.ko.xz"])
        archive = Archive()
        modules.put(archive, modules.stock(["packed"], self.folder))
        self.assertIn(b"lib/modules/packed.ko\0", archive.data())
        self.assertIn(b"\0depends=core\0", archive.data())


class OwnTest(ModulesTest):
    def own(self, name: str, depends: str = "", vermagic: str = "6.1.0 SMP") -> Own:
        path = self.folder.parents[1] / name
        path.write_bytes(f"\0vermagic={vermagic}\0depends={depends}\0".encode())
        return Own.parse(f"{path}:size=3 name=\"a b\"")

    def test_what_stands_behind_the_file_is_its_parameters(self) -> None:
        for word, expected in (("a.ko", Own(Path("a.ko"))),
                               ("odd: name/a.ko", Own(Path("odd: name/a.ko"))),
                               ("a.ko:", Own(Path("a.ko"))),
                               ("b:c/a.ko:x=1 y=d:e", Own(Path("b:c/a.ko"), "x=1 y=d:e"))):
            self.assertEqual(Own.parse(word), expected)

    def test_it_comes_after_what_it_needs(self) -> None:
        mine = self.own("mine.ko", "middle_part")
        order = modules.with_own(modules.stock(["gpio-card"], self.folder), [mine, mine],
                                 self.folder)
        self.assertEqual([path.name for path in order],
                         ["core.ko", "middle-part.ko", "gpio-card.ko", "mine.ko"])
        order = modules.with_own([], [mine], self.folder)
        self.assertEqual([path.name for path in order], ["core.ko", "middle-part.ko", "mine.ko"])
        archive = Archive()
        modules.put_order(archive, order, "order", {mine.file: mine.parameters})
        self.assertIn(b'core \nmiddle_part \nmine size=3 name="a b"\n', archive.data())

    def test_two_of_one_name_are_refused(self) -> None:
        mine = self.own("mine.ko")
        other = Own(self.folder / "mine.ko")
        other.file.write_bytes(mine.file.read_bytes())
        with self.assertRaisesRegex(HarnessError, "mine.ko has the same name"):
            modules.with_own([], [mine, other], self.folder)

    def test_what_the_kernel_would_not_load_is_refused(self) -> None:
        self.own("mine.ko").check("6.1.0")
        with self.assertRaisesRegex(HarnessError, "built for kernel 6.1.0, and the guest has 6.12"):
            self.own("mine.ko").check("6.12")
        with self.assertRaisesRegex(HarnessError, "no kernel module"):
            self.own("mine.ko", vermagic="").check("6.1.0")
        with self.assertRaisesRegex(HarnessError, "none.ko: No such file"):
            Own.parse("none.ko").check("6.1.0")
        with self.assertRaisesRegex(HarnessError, "in two lines"):
            Own.parse("none.ko:a=1\nb=2").check("6.1.0")
