# SPDX-License-Identifier: BSD-3-Clause
"""The tests that SECURITY.md names are there, and systemd's unit is as safe as it says."""

import re
import subprocess
import unittest

from bellwire.core.places import ROOT

UNIT = ROOT / "host/systemd/bellwire-switchboard@.service"
MOST_EXPOSED = 20  # tenths of systemd's exposure level, which goes to 10.0
ROW = re.compile(r"^\| .+ \| \[([^]]+)\]\(\1\) \| (.+) \|$", re.MULTILINE)


def words(text: str) -> str:
    """Without the breaks of a literal that goes on in the next line."""
    return re.sub(r'"\s*\n\s*"', "", text)


class SecurityTest(unittest.TestCase):
    def test_each_claim_names_a_test_that_is_there(self) -> None:
        page = (ROOT / "SECURITY.md").read_text()
        rows = ROW.findall(page)
        self.assertEqual(len(rows), len(re.findall(r"\]\((?!docs/)", page)))
        self.assertGreater(len(rows), 20)
        for name, test in rows:
            with self.subTest(test):
                self.assertIn(test, words((ROOT / name).read_text()))

    def test_the_unit_is_hardly_exposed(self) -> None:
        run = subprocess.run(["systemd-analyze", "security", "--offline=true",
                              f"--threshold={MOST_EXPOSED}", UNIT], capture_output=True, text=True)
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)

    def test_what_the_unit_runs_is_understood(self) -> None:
        run = subprocess.run(["systemd-analyze", "verify", UNIT], capture_output=True, text=True)
        known = ("is not executable", "Command 'man ")  # it need not be installed here
        strange = [line for line in run.stderr.splitlines() if not any(word in line for word in known)]
        self.assertEqual(strange, [])
