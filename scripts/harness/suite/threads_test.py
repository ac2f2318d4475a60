# SPDX-License-Identifier: BSD-3-Clause
import tempfile
import unittest
from pathlib import Path

from bellwire.suite import threads

FILES = {
    "vdev/testing/running.hpp": "std::jthread thread_;\n",
    "vdev/testing/served.hpp": '#include "vdev/testing/running.hpp"\n',
    "vdev/testing/beside.hpp": "void start();\n",
    "vdev/testing/beside.cpp": "std::thread([] {}).detach();\n",
    "vdev/a/own_test.cpp": "std::thread thread([] {});\n",
    "vdev/a/far_test.cpp": '#include "vdev/testing/served.hpp"\n',
    "vdev/a/beside_test.cpp": '#include "vdev/testing/beside.hpp"\n',
    "vdev/a/none_test.cpp": "#include <thread>\nstd::this_thread::yield(); "
                            "std::thread::hardware_concurrency();\n",
}
THREADED = ["vdev/a/beside_test.cpp", "vdev/a/far_test.cpp", "vdev/a/own_test.cpp"]


class ThreadsTest(unittest.TestCase):
    def setUp(self) -> None:
        self.root = Path(self.enterContext(tempfile.TemporaryDirectory()))
        for name, text in FILES.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def wrong(self, *lists: str) -> list[str]:
        path = self.root / "vdev/a/CMakeLists.txt"
        path.write_text("bellwire_test(a\n  " + "\n  ".join(lists) + "\n  USES bellwire::a)\n")
        return sorted(threads.wrong_lists(self.root, [path]))

    def test_right_lists(self) -> None:
        self.assertEqual(self.wrong("SOURCES none_test.cpp helper.cpp",
                                    "THREADS own_test.cpp far_test.cpp beside_test.cpp"), [])

    def test_threads_outside_of_their_list(self) -> None:
        wrong = self.wrong("SOURCES none_test.cpp own_test.cpp far_test.cpp beside_test.cpp")
        self.assertEqual([line.split()[0] for line in wrong], THREADED)
        self.assertIn("starts threads (vdev/testing/beside.cpp)", wrong[0])

    def test_no_threads_in_their_list(self) -> None:
        self.assertEqual(self.wrong("THREADS none_test.cpp"),
                         ["vdev/a/none_test.cpp starts no thread: list it under SOURCES"])
