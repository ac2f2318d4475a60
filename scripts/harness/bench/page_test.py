# SPDX-License-Identifier: BSD-3-Clause
import re
import unittest
from typing import Any

from bellwire.bench import page, results
from bellwire.report.charts import Scale
from bellwire.report import browser


def ratio(name: str, value: float, limit: float | None) -> dict[str, Any]:
    return {"name": name, "value": value, "spread": [value, value * 1.2], "limit": limit,
            "ok": None if limit is None else value <= limit}


def row(name: str, p50: float, **more: object) -> dict[str, Any]:
    return {"name": name, "p50_ns": p50, "p99_ns": 3 * p50, "times": 500, "bare": None, **more}


Result = dict[str, Any]
MACHINE: Result = {"accelerator": "eventfds <here>", "cpu": "a CPU", "kernel": "Linux 6.1"}
BARE: Result = {"p50_ns": 390.0, "p99_ns": 500.0, "times": 500}
WIRE: Result = {
    "suite": "wire", "what": "round trips & more", "machine": MACHINE, "rounds": 20,
    "columns": {"p50_ns": "p50 ns", "p99_ns": "p99 ns", "times": "times", "CPU ns": "CPU ns"},
    "rows": [row("asleep", 400.0, bare=BARE, **{"CPU ns": 360.0}), row("<polling>", 100.0)],
    "ratios": [ratio("asleep / bare C", 1.25, 1.05), ratio("polling / asleep", 0.25, None),
               ratio("polling: allocations each time", 0.0, 0.0)]}
SCALE: Result = {
    **WIRE, "suite": "scale", "ratios": [],
    "rows": [row(f"one of {at}", 5000.0 + at, series="one of N", at=at) for at in (1, 64, 2048)]}
BOOT: Result = {
    "suite": "boot", "what": "boots", "machine": MACHINE | {"qemu": "7.2"}, "rounds": 5,
    "columns": {"seconds": "seconds, to the end"},
    "rows": [{"name": "cold", "seconds": 2.0}, {"name": "warm", "seconds": 0.4}],
    "ratios": [ratio("warm / cold", 0.2, 0.25)]}
RUN = results.collect([WIRE, SCALE, BOOT], {"kvm": "no /dev/<kvm>"})


class Page(unittest.TestCase):
    def test_it_stands_alone(self) -> None:
        text = page.page(RUN)
        self.assertNotRegex(text, r"<script|src=|href='(?!#)|url\(|@import|https?://")
        self.assertNotRegex(text, "<here>|<polling>|<kvm>")

    def test_it_says_which_limits_are_missed_and_what_is_left_out(self) -> None:
        text = page.page(RUN)
        self.assertIn("2 of 3 limits are kept", text)
        self.assertIn("asleep / bare C: 1.25, at most 1.05", text)
        self.assertIn("without kvm: no /dev/&lt;kvm&gt;", text)

    def test_a_ratio_over_its_limit_is_told_by_more_than_its_colour(self) -> None:
        over, none, kept = (page.ratio_row(each, Scale([0.0, 2.0])) for each in WIRE["ratios"])
        self.assertEqual((over.kind, over.words), ("row missed", "✗ 1.25, over 1.05"))
        self.assertIn("<path", over.marks)
        self.assertEqual((none.kind, none.words), ("row", "0.25"))
        self.assertNotIn("class='limit'", none.marks)
        self.assertEqual(kept.words, "0 of 0")
        self.assertNotIn("<path", kept.marks)

    def test_rows_stand_beside_their_bare_ones_and_lines_go_over_a_number(self) -> None:
        text = page.page(RUN)
        self.assertIn("400, bare 390", text)
        self.assertIn("<span class='words'>360</span>", text)  # there is no bare figure
        self.assertIn("p50 ns: 5,001 at 1, 7,048 at 2,048", text)
        self.assertEqual(len(re.findall("<figure>", text)), 3 + 1 + 2)

    @unittest.skipIf(browser.MISSING, browser.MISSING)
    def test_a_browser_shows_it(self) -> None:
        dom = browser.dom(page.page(RUN))
        self.assertEqual(dom.count("<section"), 3)
        self.assertEqual(dom.count('class="row'), 3 + 2 + 1 + 1 + 2)
        figures = dom.split('id="wire-figures"')[1].split("</table>")[0]
        self.assertEqual(figures.count("<tr>"), 1 + 2 + 1)
