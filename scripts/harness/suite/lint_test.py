# SPDX-License-Identifier: BSD-3-Clause
import tempfile
import unittest
from pathlib import Path

from bellwire.suite.lint import _headings, _leads_somewhere, functions_missing


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


class WalkTest(unittest.TestCase):
    def test_a_function_that_is_renamed_or_moved_away_is_missing(self) -> None:
        text = "`Queue::publish` calls `bell_ring` of `queue.c`, then `a::B::gone` and `bell_old`."
        sources = "void Queue::publish() {}\nint bell_ring(void);\nint bell_older(void);\n"
        self.assertEqual(functions_missing(text, sources), ["a::B::gone", "bell_old"])
