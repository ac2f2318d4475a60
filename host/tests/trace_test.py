# SPDX-License-Identifier: BSD-3-Clause
"""`bellwire trace show`, `diff` and `export`, as their users meet them; the page in a browser."""

from typing import Any
import html
import json
import random
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from program import PROGRAM, REPORTS, ROOT, Checked

sys.path.insert(0, str(ROOT / "scripts/python"))

from bellwire.report import browser  # noqa: E402

STAGES = (("submitted", "process"), ("kicked", "module"), ("doorbell", "module"),
          ("woken", "device"), ("taken", "device"), ("posted", "device"), ("raised", "device"),
          ("interrupted", "module"), ("signalled", "module"), ("awake", "process"),
          ("done", "process"))
HOPS_US = (9, 1.2, 22, 0.8, 1.1, 0.5, 18, 1.4, 9, 1.6)  # of a made up request, about
EVIL = "</script><script>document.title = 'broken out'</script>"


def made_up(count: int = 400, **changes: Any) -> dict[str, Any]:
    """A trace file; its figures mean nothing."""
    dice = random.Random(4711)
    requests: list[dict[str, Any]] = []
    began = 0.0
    for index in range(count):
        times = [began]
        for hop in HOPS_US:
            times.append(times[-1] + 1000 * hop * dice.lognormvariate(0, 0.3))
        at: list[float | None] = [*times]
        if index % 10 == 3:
            at[1:4] = [None] * 3  # the device was awake
        requests.append({"queue": 0, "index": index, "at": at})
        began = times[-1] + dice.uniform(1e3, 3e4)
    rings = [{"queue": 0, "at": each["at"][6], "requests": 1} for each in requests]
    return {
        "version": 1, "transport": "ivshmem", "device": "echo", "began": "2026-01-31T12:00:00Z",
        "machine": {"accelerator": "TCG", "cpu": "a CPU", "kernel": "6.18", "qemu": "7.2",
                    "guest_kernel": "6.1"},
        "clock": {"ticks_per_ns": 2.5, "offset_ticks": -5, "uncertainty_ns": 6000.0,
                  "contradictions": 0},
        "stages": [{"name": name, "side": side} for name, side in STAGES],
        "lost": {"process": 0, "module": 0, "device": 0}, "requests": requests,
        "doorbells": rings, "interrupts": rings} | changes


class TraceCase(Checked):
    def setUp(self) -> None:
        super().setUp()
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="bell")))

    def trace(self, name: str = "run.json", **changes: Any) -> Path:
        path = self.folder / name
        path.write_text(json.dumps(made_up(**changes)))
        return path

    def bellwire(self, *arguments: str | Path, status: int = 0) -> subprocess.CompletedProcess[str]:
        run = subprocess.run([PROGRAM, "trace", *arguments], capture_output=True, text=True,
                             stdin=subprocess.DEVNULL, timeout=30)
        self.assertEqual(run.returncode, status, run.stderr)
        return run

    def figures(self, path: Path) -> dict[str, Any]:
        said = self.bellwire("show", path, "--json", "--slowest", "10").stdout
        figures: dict[str, Any] = json.loads(said)
        return figures


class Commands(TraceCase):
    def test_show_and_its_json_have_the_same_figures(self) -> None:
        path = self.trace()
        shown = self.bellwire("show", path, "--slowest", "2").stdout
        for hop in self.figures(path)["hops"]:
            with self.subTest(hop["from"]):
                row = next(line for line in shown.splitlines()
                           if re.match(rf"{hop['from']} \S+ {hop['to']} ", line)).split()
                self.assertEqual(int(row[3]), hop["count"])
                self.assertAlmostEqual(float(row[4]), hop["p50_ns"] / 1000, places=1)
                self.assertAlmostEqual(float(row[6]), hop["p99_ns"] / 1000, places=1)
        self.assertEqual(shown.count("  queue 0, request "), 2)

    def test_figures_are_those_of_the_file(self) -> None:
        path = self.trace()
        requests = json.loads(path.read_text())["requests"]
        totals = sorted(each["at"][10] - each["at"][0] for each in requests)
        total = self.figures(path)["total"]
        self.assertEqual(total["count"], 400)
        self.assertAlmostEqual(total["p50_ns"], totals[199])
        self.assertAlmostEqual(total["p99_ns"], totals[395])
        self.assertAlmostEqual(total["max_ns"], totals[-1])

    def test_diff_warns_of_another_transport(self) -> None:
        run = self.bellwire("diff", self.trace("a.json"),
                            self.trace("b.json", transport="vfio-user"))
        self.assertIn("warning: the transport differs: ivshmem, then vfio-user", run.stderr)
        self.assertIn("1.00", run.stdout)
        self.assertEqual(self.bellwire("diff", self.folder / "a.json",
                                       self.folder / "a.json").stderr, "")

    def test_what_cannot_be_read_or_written_is_named(self) -> None:
        broken = self.trace("broken.json", version=7)
        rows: tuple[tuple[int, list[str | Path], str], ...] = (
                (1, ["show", "nowhere.json"], "nowhere.json"),
                (1, ["show", broken], "version is 7"),
                (1, ["diff", broken, broken], "version is 7"),
                (1, ["export", broken, "--html", self.folder / "page.html"], "version is 7"),
                (1, ["export", self.trace(), "--html", "/nowhere/page.html"], "/nowhere/page.html"),
                (1, ["show", self.trace("none.json", count=0)], "none of 0 requests"),
                (2, ["export", self.trace()], "--perfetto"),
                (2, ["show"], "FILE"))
        for status, arguments, words in rows:
            with self.subTest(words):
                run = self.bellwire(*arguments, status=status)
                self.assertRegex(run.stderr, r"\Abellwire: [^\n]+\n\Z")
                self.assertIn(words, run.stderr)
        self.assertFalse((self.folder / "page.html").exists())

    def test_an_export_replaces_neither_its_trace_nor_another(self) -> None:
        trace = self.trace()
        before = trace.read_text()
        link, page = self.folder / "link", self.folder / "page"
        link.symlink_to(trace.name)
        same: list[list[str | Path]] = [
            ["--perfetto", trace], ["--html", link], ["--perfetto", page, "--html", page],
            ["--perfetto", page, "--html", self.folder / "." / "page"],
            ["--html", self.folder / ".." / self.folder.name / "run.json"]]
        for arguments in same:
            with self.subTest(arguments):
                run = self.bellwire("export", trace, *arguments, status=2)
                self.assertIn("choose another file", run.stderr)
                self.assertFalse(page.exists())
        self.assertEqual(trace.read_text(), before)
        self.bellwire("export", trace, "--perfetto", "/dev/null", "--html", "/dev/null")

    def test_perfetto_gets_json(self) -> None:
        out = self.folder / "events.json"
        self.bellwire("export", self.trace(), "--perfetto", out)
        events = json.loads(out.read_text())["traceEvents"]
        self.assertEqual(sum(event["ph"] == "s" for event in events), 400)


class Sources(unittest.TestCase):
    def test_each_stage_is_where_it_is_said_to_be(self) -> None:
        said = re.findall(r'"([\w/.-]+\.[ch]pp|[\w/.-]+\.c):(\w+)"',
                          (ROOT / "host/trace/file/stage.hpp").read_text())
        self.assertEqual(len(said), len(STAGES))
        for file, function in said:
            with self.subTest(f"{file}:{function}"):
                self.assertRegex((ROOT / file).read_text(), rf"\b{function}\([^;]*\{{")


@unittest.skipIf(browser.MISSING or REPORTS,
                 browser.MISSING or "a browser sees only what is written, as by any other build")
class Page(TraceCase):
    def page(self, script: str = "", **changes: Any) -> str:
        """The page of a made up trace, with a script behind its own."""
        page = self.folder / "page.html"
        self.bellwire("export", self.trace(**changes), "--html", page)
        return page.read_text().replace("</body>", f"<script>{script}</script></body>")

    def answer(self, script: str, **changes: Any) -> Any:
        """What the script returns, run in the page."""
        wrapped = ("const answer = (() => {" + script + "})();"
                   "document.body.dataset.answer = JSON.stringify(answer);")
        dom = browser.dom(self.page(wrapped, **changes))
        found = re.search(r'data-answer="([^"]*)"', dom)
        assert found, "the script failed"
        return json.loads(html.unescape(found.group(1)))

    def test_it_stands_alone(self) -> None:
        text = self.page()
        self.assertNotRegex(text, r"src=|href=|url\(|@import|https?://(?!www\.w3\.org/2000/svg)")
        self.assertIn("default-src 'none'", text)

    def test_what_a_trace_says_is_only_text(self) -> None:
        dom = browser.dom(self.page(device=EVIL))
        self.assertNotIn("<title>broken out", dom)
        self.assertIn("broken out", dom)

    def test_its_table_has_the_figures_of_show(self) -> None:
        rows = self.answer(
            "return [...document.querySelectorAll('#hops tr[data-hop]')].map((row) => ["
            "row.dataset.hop, [...row.querySelectorAll('td[data-figure]')].map("
            "(cell) => cell.textContent)]);")
        figures = self.figures(self.folder / "run.json")
        expected = [*figures["hops"], figures["total"]]
        self.assertEqual(len(rows), len(expected))
        for (name, cells), hop in zip(rows, expected):
            self.assertEqual(name, f"{hop['from']} → {hop['to']}")
            self.assertEqual(int(cells[0].replace(",", "")), hop["count"])
            for cell, key in zip(cells[1:5], ("p50_ns", "p90_ns", "p99_ns", "max_ns")):
                self.assertAlmostEqual(float(cell), hop[key] / 1000, delta=0.051)

    def test_what_went_wrong_on_purpose_is_drawn_and_can_be_picked(self) -> None:
        mark = {"queue": 0, "index": 5, "what": "drop interrupt 6", "at": 0.0}
        trace = made_up()
        mark["at"] = trace["requests"][5]["at"][6]
        again = {**mark, "what": "interrupt", "at": trace["requests"][5]["at"][8]}
        seen = self.answer("""
            const pick = [...document.querySelectorAll('#pick option')].find(
                (option) => option.textContent === 'drop interrupt 6');
            travelWith(Number(pick.value));
            const classes = [...document.querySelectorAll('#timeline .mark')].map(
                (mark) => mark.getAttribute('class'));
            return [document.getElementById('chosen').textContent, classes,
                    document.getElementById('facts').textContent];""", faults=[mark], recovered=[again])
        self.assertRegex(seen[0], r"^queue 0, request 5, [\d.]+ µs; drop interrupt 6; interrupt recovered$")
        self.assertEqual(seen[1], ["mark fault", "mark recovered"])
        self.assertIn("drop interrupt1 on purpose", seen[2])

    def test_keys_step_through_a_request(self) -> None:
        seen = self.answer("""
            const press = (key) => document.body.dispatchEvent(
                new KeyboardEvent('keydown', {key, bubbles: true, cancelable: true}));
            const now = () => document.querySelector('#steps [aria-current] b').textContent;
            const seen = [now()];
            for (const key of ['Right', 'Right', 'Left', 'End', 'Right', 'Home']) {
              press(key.replace(/(Right|Left)/, 'Arrow$1'));
              seen.push(now());
            }
            const first = document.getElementById('chosen').textContent;
            press('ArrowDown');
            seen.push(first !== document.getElementById('chosen').textContent);
            return seen;""")
        self.assertEqual(seen, ["submitted", "kicked", "doorbell", "kicked", "done", "done",
                                "submitted", True])

    def test_play_ends_at_the_last_stage(self) -> None:
        frames = ("let now = performance.now();"
                  "window.requestAnimationFrame = (draw) => setTimeout(() => draw(now += 100), 1);")
        ways: tuple[list[str], ...] = ([], ["--force-prefers-reduced-motion"])
        for options in ways:
            with self.subTest(options):
                dom = browser.dom(self.page(frames + "document.getElementById('play').click();"),
                                  *options, "--virtual-time-budget=20000")
                now = re.search('<output id="now">(.*?)</output>', dom)
                self.assertRegex(now[1] if now else "", r"^[\d.]+ µs, done$")

    def test_a_cell_of_the_heat_map_shows_its_slowest_request(self) -> None:
        seen = self.answer("""
            const map = document.getElementById('heat');
            const press = (key) => map.dispatchEvent(
                new KeyboardEvent('keydown', {key, bubbles: true, cancelable: true}));
            const before = document.getElementById('chosen').textContent;
            press('ArrowRight'); press('ArrowRight'); press('Enter');
            return [document.querySelectorAll('#heat .cell').length,
                    document.getElementById('cell').textContent,
                    before !== document.getElementById('chosen').textContent];""")
        self.assertGreater(seen[0], 50)
        self.assertRegex(seen[1], r"^[\d,]+ requests? that took [\d.]+ µs to")
        self.assertTrue(seen[2])

    def test_nothing_is_wider_than_a_phone(self) -> None:
        """In a frame: a window of the browser's can't be so narrow."""
        page = self.page("const {scrollWidth, clientWidth} = document.documentElement;"
                         "document.title = scrollWidth <= clientWidth ? 'fits' : scrollWidth;")
        report = "document.body.dataset.page = this.contentDocument.title"
        dom = browser.dom(f"<meta charset='utf-8'><iframe srcdoc='{html.escape(page)}' "
                          f"style='width:360px;height:800px;border:0' onload='{report}'></iframe>")
        self.assertIn('data-page="fits"', dom)

    def test_uncertainty_is_drawn_only_where_there_is_any(self) -> None:
        script = "return document.querySelectorAll('#timeline .ghost').length;"
        self.assertEqual(self.answer(script), 1)
        clock = made_up(1)["clock"] | {"uncertainty_ns": 0}
        self.assertEqual(self.answer(script, clock=clock), 0)

    def test_a_trace_of_one_side_more_or_less(self) -> None:
        requests = made_up(50)["requests"]
        for each in requests:
            for stage in (1, 2, 7, 8):
                each["at"][stage] = None
        shown = self.answer(
            "return [document.querySelectorAll('#path .box.absent').length,"
            " document.querySelectorAll('#path .stop').length];",
            requests=requests, transport="in-process", doorbells=[], interrupts=[])
        self.assertEqual(shown, [1, 7])


if __name__ == "__main__":
    unittest.main()
