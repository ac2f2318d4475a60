# SPDX-License-Identifier: BSD-3-Clause
import json
import os
import subprocess
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from harness import run


class RunTest(unittest.TestCase):
    def setUp(self) -> None:
        self.parent = Path(self.enterContext(tempfile.TemporaryDirectory()))

    def test_last_points_to_the_newest(self) -> None:
        folder = run.create(self.parent)
        self.assertEqual((self.parent / "last").resolve(), folder.resolve())

    def test_two_of_one_second_are_two(self) -> None:
        with mock.patch("time.strftime", return_value="20300101-000000"):
            folders = [run.create(self.parent) for _ in range(3)]
        self.assertEqual(len(set(folders)), 3)
        self.assertEqual(folders, sorted(folders))
        self.assertEqual((self.parent / "last").resolve(), folders[-1].resolve())

    def test_only_the_newest_are_kept(self) -> None:
        for number in range(run.KEPT + 5):
            (self.parent / f"20000101-0000{number:02}-1").mkdir()
        folder = run.create(self.parent)
        kept = sorted(path.name for path in self.parent.iterdir() if path.name != "last")
        self.assertEqual(len(kept), run.KEPT)
        self.assertEqual((kept[0], kept[-1]), ("20000101-000006-1", folder.name))

    def test_result(self) -> None:
        run.write_result(self.parent, status=3, command=["a b"])
        found = json.loads((self.parent / "result.json").read_text())
        self.assertEqual(found, {"status": 3, "command": ["a b"]})

    def test_private_folder_goes_and_sweeps_the_dead(self) -> None:
        with subprocess.Popen(["true"]) as ended:
            pass
        dead = self.parent / f"bellwire-{ended.pid}-x"
        living = self.parent / f"bellwire-{os.getpid()}-x"
        dead.mkdir()
        living.mkdir()
        with mock.patch("tempfile.tempdir", str(self.parent)), run.private_folder() as folder:
            self.assertTrue(folder.is_dir())
            self.assertFalse(dead.exists())
            self.assertTrue(living.exists())
        self.assertFalse(folder.exists())
