# SPDX-License-Identifier: BSD-3-Clause
import tempfile
import unittest
import unittest.mock
from collections.abc import Callable
from pathlib import Path

from bellwire.suite import sources, step
from bellwire.report.results import Case
from bellwire.suite.step import Failed


class SourcesTest(unittest.TestCase):
    """Each check refuses a file with a fault, and takes one without."""

    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.enterContext(unittest.mock.patch.object(step, "LOGS", self.folder / "logs"))

    def check(self, name: str, good: str, bad: str, fault: str,
              check: Callable[[Path], Case]) -> None:
        file = self.folder / name
        file.write_text(good)
        self.assertEqual(check(file).outcome, "pass")
        file.write_text(bad)
        with self.assertRaisesRegex(Failed, fault):
            check(file)

    def test_shell(self) -> None:
        self.check("tool", "#!/bin/sh\nrm \"$1\"\n", "#!/bin/sh\nrm $1\n", "SC2086",
                   lambda file: sources.shellcheck([file]))

    def test_python(self) -> None:
        self.check("tool.py", "import os\nos.getpid()\n", "import os\n", "imported but unused",
                   lambda file: sources.pyflakes([file]))

    def test_types(self) -> None:
        self.check("tool.py", "def one() -> int:\n    return 1\n", "def one():\n    return 1\n",
                   "no-untyped-def", lambda file: sources.mypy(self.folder, file.name))

    def test_words(self) -> None:
        self.check("page.md", "It receives.\n", "It " "recie" "ves.\n", "receives",
                   lambda file: sources.codespell([file]))

    def test_a_missing_tool_is_a_failure(self) -> None:
        with unittest.mock.patch.dict("os.environ", PATH="/nowhere"), \
                self.assertRaisesRegex(Failed, "cannot run shellcheck"):
            sources.shellcheck([self.folder / "tool"])

    def test_scripts_are_known_by_their_first_line(self) -> None:
        for first, wanted in (("#!/bin/sh", "sh"), ("#!/usr/bin/env bash", "bash"),
                              ("#!/usr/bin/python3", "python3"), ("# sh", ""), ("", "")):
            file = self.folder / "script"
            file.write_text(f"{first}\n")
            self.assertEqual(sources._interpreter(file), wanted, first)
