# SPDX-License-Identifier: BSD-3-Clause
import fcntl
import json
import os
import tempfile
import unittest
from contextlib import AbstractContextManager
from pathlib import Path
from unittest import mock

from bellwire.core import places, runs


class RunTest(unittest.TestCase):
    def setUp(self) -> None:
        self.parent = Path(self.enterContext(tempfile.TemporaryDirectory()))

    def test_last_points_to_the_newest(self) -> None:
        folder = runs.create(self.parent)
        self.assertEqual((self.parent / "last").resolve(), folder.resolve())

    def test_two_of_one_second_are_two(self) -> None:
        with mock.patch("time.strftime", return_value="20300101-000000"):
            folders = [runs.create(self.parent) for _ in range(3)]
        self.assertEqual(len(set(folders)), 3)
        self.assertEqual(folders, sorted(folders))
        self.assertEqual((self.parent / "last").resolve(), folders[-1].resolve())

    def test_only_the_newest_are_kept(self) -> None:
        for number in range(runs.KEPT + 5):
            (self.parent / f"20000101-0000{number:02}-1").mkdir()
        folder = runs.create(self.parent)
        kept = sorted(path.name for path in self.parent.iterdir() if path.name != "last")
        self.assertEqual(len(kept), runs.KEPT)
        self.assertEqual((kept[0], kept[-1]), ("20000101-000006-1", folder.name))

    def test_result(self) -> None:
        runs.write_result(self.parent, {"status": 3, "command": ["a b"]})
        found = json.loads((self.parent / "result.json").read_text())
        self.assertEqual(found, {"status": 3, "command": ["a b"]})

    def private(self, name: str) -> Path:
        """A folder as a run makes them; whether it lives is whether somebody holds its lock."""
        folder = self.parent / f"bellwire.{os.getuid()}.{name}"
        folder.mkdir()
        (folder / "lock").touch()
        return folder

    def test_private_folder_goes_and_sweeps_the_dead(self) -> None:
        dead, living = self.private("dead"), self.private("living")
        strangers = self.parent / "bellwire.notes"
        strangers.mkdir()
        with (living / "lock").open("w") as lock, self.in_tmpdir(self.parent):
            fcntl.flock(lock, fcntl.LOCK_EX)
            with runs.private_folder() as folder:
                self.assertEqual(folder.parent, self.parent)
                self.assertFalse(dead.exists())
                self.assertTrue(living.exists() and strangers.exists())
                with runs.private_folder() as second:  # of another process, or container
                    self.assertTrue(folder.exists())
                    self.assertNotEqual(folder, second)
        self.assertFalse(folder.exists())

    def test_one_that_is_just_made_is_not_swept(self) -> None:
        folder = self.private("new")
        (folder / "lock").unlink()
        with self.in_tmpdir(self.parent), runs.private_folder():
            self.assertTrue(folder.exists())
        os.utime(folder, (1, 1))
        with self.in_tmpdir(self.parent), runs.private_folder():
            self.assertFalse(folder.exists())

    def test_private_folders_are_short_and_plain_wherever_tmpdir_is(self) -> None:
        for name in ("a b", 'a, "b"', "a:b", "$a", "é", "x" * 90, "missing"):
            with self.subTest(name):
                odd = self.parent / name
                if name != "missing":
                    odd.mkdir()
                with self.in_tmpdir(odd), runs.private_folder() as folder:
                    self.assertTrue(places.plain(folder))
                    self.assertLess(len(str(folder / "control15")), 107)

    def in_tmpdir(self, folder: Path) -> AbstractContextManager[object]:
        return mock.patch.dict(os.environ, TMPDIR=str(folder))
