# SPDX-License-Identifier: BSD-3-Clause
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from bellwire.core.places import ROOT

# It notes that it ran, and doesn't like the word "bad".
CLANG_TIDY = """#!/bin/sh
echo ran >>"$RAN"
! grep -rq bad "$CLONE/a.cpp" "$CLONE/a.hpp"
"""


class TidyTest(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.ran = self.folder / "ran"
        tool = self.folder / "bin/clang-tidy"
        tool.parent.mkdir()
        tool.write_text(CLANG_TIDY)
        tool.chmod(0o755)
        self.clone("one")

    def clone(self, name: str) -> None:
        """A clone with a source, a header and settings; later runs are in it."""
        self.root = self.folder / name
        for module in ("suite/tidy.py", "core/places.py", "core/__init__.py", "__init__.py"):
            target = self.root / "scripts/harness" / module
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / "scripts/harness" / module, target)
        for source in (ROOT / "scripts/harness/core").glob("*.py"):
            shutil.copy(source, self.root / "scripts/harness/core")
        (self.root / "scripts/python").mkdir()
        (self.root / "scripts/python/bellwire").symlink_to("../harness")
        (self.root / "build").mkdir()
        self.write("settings", "Checks: '*'")
        self.write("a.cpp", f'#include "{self.root}/a.hpp"\n')
        self.write("a.hpp", "int a;\n")

    def write(self, name: str, text: str) -> None:
        """As if it had been there before clang-tidy ran."""
        (self.root / name).write_text(text)
        os.utime(self.root / name, (1, 1))

    def tidy(self) -> tuple[int, bool]:
        """Its status, and whether clang-tidy ran."""
        self.ran.unlink(missing_ok=True)
        environment = os.environ | {
            "PATH": f"{self.folder}/bin:{os.environ['PATH']}", "RAN": str(self.ran),
            "CLONE": str(self.root), "XDG_CACHE_HOME": str(self.folder / "cache")}
        done = subprocess.run(
            [sys.executable, self.root / "scripts/harness/suite/tidy.py",
             f"--config-file={self.root}/settings", "--quiet", self.root / "a.cpp", "--",
             "g++", "-MD", "-MT", "a.o", "-MF", "a.d", "-o", "a.o", "-c", self.root / "a.cpp"],
            cwd=self.root / "build", env=environment, capture_output=True, text=True)
        self.assertEqual(done.stderr, "")
        return done.returncode, self.ran.exists()

    def test_it_runs_once_for_what_it_likes(self) -> None:
        self.assertEqual(self.tidy(), (0, True))
        self.assertEqual(self.tidy(), (0, False))

    def test_a_failure_is_not_kept(self) -> None:
        self.write("a.hpp", "int bad;\n")
        self.assertEqual(self.tidy(), (1, True))
        self.assertEqual(self.tidy(), (1, True))

    def test_it_runs_again_when_anything_changed(self) -> None:
        for name, text in (("a.hpp", "int b;\n"), ("settings", "Checks: ''"),
                           ("a.cpp", f'#include "{self.root}/a.hpp"\nint c;\n')):
            self.tidy()
            before = (self.root / name).read_text()
            self.write(name, text)
            with self.subTest(name):
                self.assertEqual(self.tidy(), (0, True))
            self.write(name, before)
            with self.subTest(name, back=True):
                self.assertEqual(self.tidy(), (0, False))

    def test_clones_share_what_was_found(self) -> None:
        self.tidy()
        self.clone("another one's")
        self.assertEqual(self.tidy(), (0, False))
        self.write("a.hpp", "int bad;\n")
        self.assertEqual(self.tidy(), (1, True))
