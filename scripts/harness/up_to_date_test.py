# SPDX-License-Identifier: BSD-3-Clause
"""When the scripts may trust what scripts/build has built, without asking ninja."""

import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from bellwire.core.places import ROOT

ASK = 'self=$0; . "${0%/*}/harness/enter"; up_to_date release "$1"'
LATER = 60  # seconds


class UpToDateTest(unittest.TestCase):
    def setUp(self) -> None:
        """A clone whose target `a` was just built, of one file."""
        self.clone = Path(self.enterContext(tempfile.TemporaryDirectory()), "a clone [1]").resolve()
        self.script = self.clone / "scripts/setup"
        (self.clone / "scripts/harness").mkdir(parents=True)
        shutil.copy(ROOT / "scripts/harness/enter", self.clone / "scripts/harness")
        self.source = self.clone / "a.cpp"
        self.source.touch()
        self.built = self.clone / "build/release"
        (self.built / "host").mkdir(parents=True)
        (self.built / "host/a").touch()
        (self.built / "build.ninja").touch()
        self.remembered = self.built / "current.a"
        self.remembered.write_text(f"{self.clone}\n./host/a\n")
        self.build_again()

    def build_again(self) -> None:
        """As if it had begun after all that has happened so far."""
        later = os.stat(self.remembered).st_mtime + LATER
        os.utime(self.remembered, (later, later))

    def asked(self, targets: str = "a", **environment: str) -> bool:
        return subprocess.run(["sh", "-euc", ASK, self.script, targets],
                              env=os.environ | {"BELLWIRE_SETUP": "done", "BELLWIRE_BUILT": ""}
                              | environment).returncode == 0

    def test_nothing_has_changed(self) -> None:
        self.assertTrue(self.asked())

    def test_another_target_was_not_built(self) -> None:
        self.assertFalse(self.asked("b"))
        self.assertFalse(self.asked(""))

    def test_a_tree_that_scripts_test_has_built_whole_is_not_looked_at(self) -> None:
        self.assertTrue(self.asked("b", BELLWIRE_BUILT=f":{self.clone}/build/release"))
        self.assertFalse(self.asked("b", BELLWIRE_BUILT=f":{self.clone}/build/asan"))

    def build_just_now(self) -> int:
        """As if it had begun when the last change was made; returns that time."""
        last = max(path.stat().st_ctime_ns for path in [self.clone, *self.clone.rglob("*")])
        os.utime(self.remembered, ns=(last, last))
        self.assertTrue(self.asked())
        return last

    def test_a_file_has_changed_even_if_its_time_was_set_back(self) -> None:
        built = self.build_just_now()
        while self.source.stat().st_ctime_ns <= built:  # a clock of some milliseconds
            self.source.write_text("new")
        os.utime(self.source, (1, 1))
        self.assertFalse(self.asked())

    def test_a_file_was_added_and_removed(self) -> None:
        built = self.build_just_now()
        while self.clone.stat().st_ctime_ns <= built:
            (self.clone / "b.cpp").touch()
            (self.clone / "b.cpp").unlink()
        self.assertFalse(self.asked())

    def test_what_was_built_is_gone(self) -> None:
        (self.built / "host/a").unlink()
        self.assertFalse(self.asked())

    def test_a_clone_that_was_moved_is_another(self) -> None:
        self.remembered.write_text("/elsewhere\n./host/a\n")
        self.build_again()
        self.assertFalse(self.asked())

    def test_packages_that_came_since(self) -> None:
        os.utime(self.remembered, (1, 1))
        self.assertFalse(self.asked())
