# SPDX-License-Identifier: BSD-3-Clause
import os
import tempfile
import unittest
from pathlib import Path

from bellwire.suite import build


class BuildTest(unittest.TestCase):
    def test_a_tree_is_current_until_a_source_changes_after_its_builds_beginning(self) -> None:
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        old, source, built = (folder / name for name in ("old", "source", "built"))
        for path, second in ((old, 10), (source, 20)):
            path.touch()
            os.utime(path, (second, second))
        self.assertFalse(build.is_current(built, [old, source]))
        built.touch()
        for second, current in ((15, False), (20, False), (21, True)):
            os.utime(built, (second, second))
            with self.subTest(second):
                self.assertEqual(build.is_current(built, [old, source]), current)
