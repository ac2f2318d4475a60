# SPDX-License-Identifier: BSD-3-Clause
"""The page of `bellwire live` in a browser: devices under traffic, faults on purpose, a trace."""

import json
import re
import sys
import unittest

from live_case import LiveCase
from program import ROOT

sys.path.insert(0, str(ROOT / "scripts/python"))
from bellwire.report import browser  # noqa: E402


@unittest.skipIf(browser.MISSING, browser.MISSING)
class Page(LiveCase):
    """The page in a browser, with a device under traffic."""

    def test_it_shows_a_device_that_works(self) -> None:
        self.busy(self.socket, "--fault", "delay interrupt 1/10 50us")
        _, url = self.live(self.socket)
        with browser.Browser(url) as page:
            page.until("document.querySelector('article h2')?.textContent"
                       " === 'delay over in-process'")
            page.until("/[1-9]/.test(document.querySelector('dd[data-key=requests]').textContent)")
            page.until("document.querySelector('.lit.down').style.opacity > 0")
            page.until("/on purpose, [1-9]\\d* times?: delay interrupt/.test("
                       "document.querySelector('.trouble').textContent)")
            points = page.until("document.querySelector('.past').getAttribute('points')")
            self.assertRegex(points, re.compile(r"^[\d., ]+$"))

    def test_it_stops_steps_and_goes_on_by_the_keyboard(self) -> None:
        self.busy(self.socket)
        _, url = self.live(self.socket, "--interval", "0.05")
        with browser.Browser(url) as page:
            page.until("[...live.samples.values()].some(all => all.length > 5)")
            page.press(" ")
            page.until("$('pause').getAttribute('aria-pressed') === 'true'")
            at = page.value("shownAt()")
            page.press("ArrowLeft")
            self.assertLess(page.value("shownAt()"), at)
            page.press("ArrowRight")
            self.assertEqual(page.value("shownAt()"), at)
            page.until(f"live.last > {at} + 0.2")
            self.assertEqual(page.value("shownAt()"), at)
            page.press("-")
            page.press(" ")
            page.until(f"shownAt() > {at} && shownAt() < live.last")  # a quarter as fast
            page.press("End")
            self.assertTrue(page.value("shownAt() === live.last && playing"))

    def test_it_says_when_it_has_lost_its_server(self) -> None:
        self.busy(self.socket)
        live, url = self.live(self.socket)
        with browser.Browser(url) as page:
            page.until("connected && live.samples.size === 1")
            live.terminate()
            page.until("$('where').textContent.startsWith('no connection')")

    def test_at_a_phones_width_it_is_worked_by_the_keyboard_alone(self) -> None:
        self.busy(self.socket, "--allow-faults")
        _, url = self.live(self.socket, "--interval", "0.05", "--allow-faults")
        for dark in (False, True):
            with self.subTest(dark=dark), browser.Browser(url, width=360, height=740) as page:
                page.prefer("prefers-color-scheme", "dark" if dark else "light")
                page.until("document.querySelector('form.faults')")
                self.assertLessEqual(page.value("document.documentElement.scrollWidth"), 360)
                paper = page.value("getComputedStyle(document.body).backgroundColor")
                self.assertEqual(dark, sum(map(int, re.findall(r"\d+", paper)[:3])) < 300)
                page.until("document.activeElement.id === 'pause' || (() => {"
                           "document.getElementById('back').focus(); return false })()"
                           " || true")
                for wanted in ("pause", "on", "speed", "now"):
                    page.press("Tab")
                    self.assertEqual(page.value("document.activeElement.id"), wanted)
                self.assertNotEqual(page.value("getComputedStyle(document.activeElement).outlineStyle"),
                                    "none")
                page.press("Tab")
                page.press("Tab")
                self.assertEqual(page.value("document.activeElement.dataset.plan"), "drop doorbell 1")

    def test_a_signal_is_lost_on_purpose(self) -> None:
        self.busy(self.socket, "--allow-faults")
        _, url = self.live(self.socket, "--interval", "0.05", "--allow-faults")
        with browser.Browser(url) as page:
            page.until("document.querySelector('form.faults')")
            page.until("/[1-9]/.test(document.querySelector('dd[data-key=requests]').textContent)")
            for which, wire in (("down", "doorbell"), ("up", "interrupt")):
                page.value(f"document.querySelector('[data-plan=\"drop {wire} 1\"]').click()")
                mark = page.until("/\\d recovered/.test(document.querySelector('.mark."
                                  f"{which}').textContent) && document.querySelector("
                                  f"'.mark.{which}').textContent")
                self.assertRegex(mark, r"^✗ \d+ recovered$")
            page.until("document.querySelector('form.faults output').textContent === 'given'")

    def test_a_plan_that_is_wrong_is_named_on_the_page(self) -> None:
        self.busy(self.socket, "--allow-faults")
        _, url = self.live(self.socket, "--allow-faults")
        with browser.Browser(url) as page:
            page.until("document.querySelector('form.faults')")
            page.value("document.querySelector('.plan input').value = 'lose doorbell 1'")
            page.value("document.querySelector('form.faults [type=submit]').click()")
            said = page.until("document.querySelector('form.faults output.wrong')?.textContent")
            self.assertRegex(said, r"^'lose' at character 1: choose drop, ")

    def test_a_trace_is_played_and_stepped_through(self) -> None:
        trace = self.folder / "trace.json"
        self.assertEqual(self.run_program("device", "echo", "--on", "in-process:rings=50", "--trace",
                                          trace).returncode, 0)
        requests = len(json.loads(trace.read_text())["requests"])
        _, url = self.live(trace)
        with browser.Browser(url) as page:
            page.until("!source.live && document.querySelector('article .step')?.textContent")
            page.press("Home")
            self.assertEqual(page.value("playing"), False)
            self.assertRegex(page.value("document.querySelector('.step').textContent"),
                             r"^record 1 of [\d,]+: queue 0, .*: \w+: the ")
            page.press("ArrowRight")
            self.assertRegex(page.value("document.querySelector('.step').textContent"), "^record 2 of")
            page.press("ArrowLeft")
            self.assertRegex(page.value("document.querySelector('.step').textContent"), "^record 1 of")
            page.press("End")
            queue = page.value("source.deviceAt(source.last).queues[0]")
            self.assertEqual((queue["submitted"], queue["completed"]), (requests, requests))
            page.press("+")
            page.press("+")
            page.press(" ")  # from the start again
            page.until("moment > source.first")
            page.until("!playing && moment === source.last")


if __name__ == "__main__":
    unittest.main()
