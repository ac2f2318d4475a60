# SPDX-License-Identifier: BSD-3-Clause
import tempfile
import unittest
from pathlib import Path

from harness.suite.lint import _headings, _leads_somewhere


class LinksTest(unittest.TestCase):
    def test_headings_as_links_name_them(self) -> None:
        text = "# A title\n\ntext\n\n## `on_doorbell` returns: a Turn!\n"
        self.assertEqual(_headings(text), {"a-title", "on_doorbell-returns-a-turn"})

    def test_a_link_leads_to_a_file_or_a_heading(self) -> None:
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        page = folder / "page.md"
        page.write_text("# Here\n")
        (folder / "other.md").write_text("# There\n")
        for target, alive in (("other.md", True), ("other.md#there", True), ("#here", True),
                              (".", True), ("gone.md", False), ("other.md#gone", False),
                              ("#gone", False)):
            with self.subTest(target):
                self.assertEqual(_leads_somewhere(page, target), alive)
