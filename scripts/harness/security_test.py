# SPDX-License-Identifier: BSD-3-Clause
"""The tests that SECURITY.md names are there."""

import re
import unittest

from bellwire.core.places import ROOT

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
