# SPDX-License-Identifier: BSD-3-Clause
import errno
import re
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from bellwire.commands import new_device
from bellwire.core.places import HarnessError


class NewDeviceTest(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="b")))

    def test_names(self) -> None:
        for name in ("q", "timer2", "my_timer", "squarer", "x" * 20):
            with self.subTest(name):
                self.assertEqual(new_device.wrong_name(name), "")
        for name, why in (("", "small"), ("Timer", "small"), ("2nd", "a letter first"),
                          ("my-timer", "underscores"), ("x" * 21, "up to 20"), ("a/b", "letters"), ("a\n", "letters"), ("é", "letters"),
                          ("int", "has a meaning"), ("register", "has a meaning"),
                          ("lambda", "has a meaning"), ("device", "has a meaning"),
                          ("tests", "has a meaning"), ("all", "has a meaning")):
            with self.subTest(name):
                self.assertIn(why, new_device.wrong_name(name))

    def test_folders(self) -> None:
        (self.folder / "empty").mkdir()
        (self.folder / "file").touch()
        for name in ("new", "empty", "a b, 'c'"):
            with self.subTest(name):
                self.assertEqual(new_device.wrong_folder(self.folder / name), "")
        for name, why in ((".", "has files"), ("file", "is a file"), ("no/new", "make it first"),
                          ("a;b", "CMake takes no"), ("file/new", "make it first")):
            with self.subTest(name):
                self.assertIn(why, new_device.wrong_folder(self.folder / name))

    def test_nothing_of_the_old_name_is_left(self) -> None:
        made = new_device.files("my_timer", "")
        left = [path for path, text in made.items() if re.search("(?i)squarer", path + text)]
        self.assertEqual(left, [])
        self.assertIn("class MyTimer final", made["device/my_timer.cpp"])
        self.assertIn("#define MY_TIMER_VENDOR_ID", made["driver/my_timer_registers.h"])

    def test_by_its_own_name_it_is_the_example(self) -> None:
        for path, text in new_device.files("squarer", "").items():
            with self.subTest(path):
                self.assertEqual(text, (new_device.TEMPLATE / path).read_text())

    def test_a_clone_tells_cmake_where_it_is(self) -> None:
        made = new_device.files("my_timer", "/clone/build/release")
        self.assertIn('find_package(bellwire REQUIRED HINTS "/clone/build/release")',
                      made["CMakeLists.txt"])

    def test_all_or_nothing_is_made(self) -> None:
        new_device.make("my_timer", self.folder / "made", "")
        self.assertTrue((self.folder / "made/.github/workflows/test.yml").is_file())

    def test_nothing_is_left_of_what_can_not_be_made(self) -> None:
        (self.folder / "empty").mkdir()
        for name in ("new", "empty"):
            with self.subTest(name), mock.patch.object(Path, "write_text") as write:
                write.side_effect = [1, 1, OSError(errno.ENOSPC, "No space left on device")]
                with self.assertRaisesRegex(HarnessError, f"DIR '.*{name}': No space left"):
                    new_device.make("timer", self.folder / name, "")
        self.assertEqual([str(path) for path in self.folder.rglob("*")], [f"{self.folder}/empty"])


if __name__ == "__main__":
    unittest.main()
