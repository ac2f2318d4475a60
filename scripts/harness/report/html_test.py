# SPDX-License-Identifier: BSD-3-Clause
import unittest

from harness.report.html import Html, document, table


class PageTest(unittest.TestCase):
    def test_a_table_puts_numbers_to_the_right_and_quotes_words(self) -> None:
        text = table("some-figures", ("name", "µs"), [("<a>", 1.5), (Html("<i>b</i>"), None)])
        self.assertIn("<th scope='col'>name</th><th scope='col' class='n'>µs</th>", text)
        self.assertIn("<tr><td>&lt;a&gt;</td><td class='n'>1.5</td></tr>", text)
        self.assertIn("<tr><td><i>b</i></td><td></td></tr>", text)
        self.assertIn("aria-label='some figures'><table id='some-figures'>", text)

    def test_a_table_without_rows_still_has_headings(self) -> None:
        self.assertIn("<th scope='col'>name</th>", table("t", ("name",), []))

    def test_a_document_has_its_title_and_its_parts(self) -> None:
        text = document("a & b", "i {}", ["<p>c</p>"])
        self.assertIn("<h1>a &amp; b</h1><p>c</p>", text)
