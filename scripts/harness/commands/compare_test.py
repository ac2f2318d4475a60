# SPDX-License-Identifier: BSD-3-Clause
import re
import tempfile
import unittest
from pathlib import Path
from typing import Any

from bellwire.commands import compare, compare_page
from bellwire.core.places import HarnessError
from bellwire.report import browser


def result_row(**changes: object) -> dict[str, Any]:
    return {"name": "pipe", "direction": "user → user", "where": "guest", "reason": "",
            "p50_us": 1.5} | changes


class Failures(unittest.TestCase):
    def test_what_was_measured_or_cannot_be_is_none(self) -> None:
        absent = {"name": "pipe", "direction": compare.ABSENT, "where": "guest", "reason": "static"}
        self.assertEqual(compare.failures([result_row(), result_row(p50_us=0.0), absent]), [])

    def test_what_failed_or_has_no_figures_is_one(self) -> None:
        self.assertEqual(compare.failures([result_row(reason="timed out"), result_row(p50_us=None)]),
                         ["pipe, user → user, guest: timed out",
                          "pipe, user → user, guest: no figures"])


class Report(unittest.TestCase):
    def test_half_a_report_is_an_error_that_names_it(self) -> None:
        path = Path(self.enterContext(tempfile.TemporaryDirectory()), "host.json")
        for content in (None, "", '{"rows": ['):
            if content is not None:
                path.write_text(content)
            with self.subTest(content), self.assertRaisesRegex(HarnessError, "host.json"):
                compare._read(path)


MACHINE = {"qemu": "7.2", "accel": "tcg", "kernel": "6.1", "guest_cpus": 2, "host_kernel": "6.18",
           "host_cpus": 2, "count": 1000}
CLAIMS = [{"claim": "eventfd is <the> fastest", "measured": "it was third & last",
           "verdict": "false"}]


def row(name: str, **changes: object) -> dict[str, Any]:
    return {"name": name, "direction": "user → user", "where": "guest", "cpus": "0,1",
            "p50_us": 12.5, "p99_us": 90.0, "p999_us": 400.0, "count": 1000, "reason": "",
            "histogram": [[0, 1], [10, 700], [80, 299]], "burst_per_second": 120_000.0,
            "wakeups": 31, "coalesces": True, "carries_data": False, "keeps_order": None,
            "atomic": True, "setup_us": 40.0, "setup_syscalls": 3, "teardown_us": 2.0,
            "user_lines": 20, "kernel_lines": 0} | changes


RESULT = {"machine": MACHINE, "claims": CLAIMS, "rows": [
    row("eventfd & poll"), row("pipe", where="host", p50_us=3.0),
    row("eventfd", direction="kernel → user", p50_us=0.0, burst_per_second=None),
    {"name": "System V queue", "direction": "kernel ↔ user", "where": "guest",
     "reason": "do_msgsnd <is static>", "source": "ipc/msg.c"}]}


class Page(unittest.TestCase):
    def test_it_stands_alone(self) -> None:
        text = compare_page.page(RESULT)
        self.assertNotRegex(text, r"<script|src=|href=|url\(|@import|https?://")
        self.assertNotIn("<the>", text)

    def test_every_row_is_drawn_and_described(self) -> None:
        text = compare_page.page(RESULT)
        self.assertEqual(len(re.findall("class='row'", text)), 3 + 2 + 3)
        for expected in ("eventfd &amp; poll", "user → user, on this host", "do_msgsnd &lt;is static&gt;",
                         "31 wake-ups", "3 calls", "it was third &amp; last", "p50 12.5, p99 90, p99.9 400"):
            self.assertIn(expected, text)

    @unittest.skipIf(browser.MISSING, browser.MISSING)
    def test_a_browser_shows_it(self) -> None:
        dom = browser.dom(compare_page.page(RESULT))
        self.assertEqual(dom.count("<figure"), 3 + 3 + 2)
        self.assertEqual(dom.count('class="row"'), 3 + 2 + 3)
        self.assertIn('id="claims"', dom)
        figures = dom.split('id="figures"')[1].split("</table>")[0]
        self.assertEqual(figures.count("<tr>"), 1 + 3)
        self.assertIn("eventfd &amp; poll", dom)


if __name__ == "__main__":
    unittest.main()
