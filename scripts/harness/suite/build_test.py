# SPDX-License-Identifier: BSD-3-Clause
import os
import subprocess
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from bellwire.core.places import BUILD, ROOT
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


class TrustTest(unittest.TestCase):
    def setUp(self) -> None:
        self.enterContext(mock.patch.dict(os.environ))
        os.environ.pop(build.BUILT, None)

    def no_build(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Of a target that no tree has."""
        return subprocess.run([ROOT / "scripts/build", *words, "nosuch"], text=True, timeout=600,
                              capture_output=True, env=os.environ | environment)

    def test_a_tree_that_was_built_whole_is_not_looked_at(self) -> None:
        for title in ("build: release", "build: asan", "vm: module"):
            build.trust(title)
        for words in ((), ("--preset", "asan")):
            done = self.no_build(*words)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))

    def test_any_other_is(self) -> None:
        build.trust("build: release")
        self.assertIn("unknown preset 'rel'", self.no_build("--preset", "rel").stderr)
        elsewhere = self.no_build(BELLWIRE_BUILD="/proc/nosuch")
        self.assertEqual(elsewhere.returncode, 1)
        self.assertIn("/proc/nosuch", elsewhere.stderr)
        self.assertIn(f":{BUILD}/release", os.environ[build.BUILT])
