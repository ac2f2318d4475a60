# SPDX-License-Identifier: BSD-3-Clause
"""`bellwire trace export --perfetto`: nothing of it is lost by a strict import."""

from typing import Any
import collections
import gzip
import json
import math
import random
import re
import subprocess
import unittest
from pathlib import Path

import perfetto_import
from program import PROGRAM, SLOWER
from programs_test import ProgramCase
from trace_test import STAGES, made_up

PATIENCE = 60  # seconds
PLAIN_SIZE = 1300  # bytes per request in one process
GZIP_PART = 8
RINGS = 2000 // SLOWER
RANDOM_TRACES = 60 // SLOWER


class PerfettoCase(ProgramCase):
    def bellwire(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        run = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True,
                             stdin=subprocess.DEVNULL, timeout=PATIENCE)
        self.assertEqual(run.returncode, 0, run.stderr)
        return run

    def export(self, trace: Path) -> str:
        out = self.folder / "perfetto.json"
        self.bellwire("trace", "export", trace, "--perfetto", out)
        return out.read_text()

    def write(self, requests: list[dict[str, Any]], **changes: object) -> Path:
        path = self.folder / "trace.json"
        path.write_text(json.dumps(made_up(1, requests=requests, **changes)))
        return path

    def assert_strict(self, text: str, requests: int) -> perfetto_import.Imported:
        for mode in perfetto_import.MODES:
            imported = perfetto_import.read(text, mode)
            self.assertEqual(imported.faults[:5], [], mode)
            self.assertEqual(list(perfetto_import.strays(imported))[:5], [], mode)
            count = sum(each.category == "request" for each in imported.slices)
            self.assertEqual(count, requests)
        return perfetto_import.read(text)


class Strict(PerfettoCase):
    def test_traces_of_one_process(self) -> None:
        for depth in (1, 8, 64):
            with self.subTest(depth=depth):
                trace = self.folder / f"{depth}.json"
                self.bellwire("device", "echo", "--on", f"in-process:rings={RINGS},depth={depth}",
                              "--trace", trace)
                total = json.loads(self.bellwire("trace", "show", trace, "--json").stdout)["total"]
                text = self.export(trace)
                imported = self.assert_strict(text, total["count"])
                self.assertEqual(len(imported.flows), total["count"])
                self.assertLess(len(text), PLAIN_SIZE * total["count"])

    def test_faults_and_recoveries_are_instants(self) -> None:
        trace = self.folder / "faults.json"
        self.bellwire("device", "delay", "--on", "in-process:rings=300", "--trace", trace, "--fault",
                      "drop interrupt every 20; drop doorbell every 50")
        shown = json.loads(self.bellwire("trace", "show", trace, "--json").stdout)
        imported = self.assert_strict(self.export(trace), shown["total"]["count"])
        names = collections.Counter(re.sub(r" \d+$", "", name) for name, _, _ in imported.instants)
        recovered = {f"{what} recovered": times for what, times in shown["recovered"].items()}
        self.assertEqual(names, shown["faults"] | recovered)
        self.assertGreater(names["drop interrupt"], 0)
        self.assertGreater(names["interrupt recovered"], 0)

    def test_random_traces(self) -> None:
        dice = random.Random(15)
        for turn in range(RANDOM_TRACES):
            with self.subTest(turn=turn):
                requests = random_requests(dice)
                imported = self.assert_strict(self.export(self.write(requests)), len(requests))
                self.assert_times(imported, requests)

    def assert_times(self, imported: perfetto_import.Imported, requests: list[dict[str, Any]]) -> None:
        """Each request begins where it did, but for rounding, and its hops fill it."""
        found = {each.name: each for each in imported.slices if each.category == "request"}
        start = min(0, math.floor(requests[0]["at"][0] + 0.5))
        for each in requests:
            drawn = found[f"queue {each['queue']}, request {each['index']}"]
            self.assertLess(abs(drawn.began + start - each["at"][0]), 8)
        for slices in imported.flows.values():
            self.assertEqual([one.began for one in slices], sorted(one.began for one in slices))

    def test_what_backwards_hops_really_took_is_told(self) -> None:
        at = [1000.0 * stage for stage in range(len(STAGES))]
        at[4] = 500.0
        text = self.export(self.write([{"queue": 0, "index": 0, "at": at}]))
        given = [event["args"]["ns"] for event in perfetto_import.load(text)
                 if event.get("cat") == "hop" and "args" in event]
        self.assertEqual(given, [-2500, 4500])

    def test_numbers_are_plain_everywhere(self) -> None:
        requests = random_requests(random.Random(1))
        trace = self.write(requests, clock=made_up(1)["clock"] | {"uncertainty_ns": 1.5e-7})
        page = self.folder / "page.html"
        self.bellwire("trace", "export", trace, "--html", page)
        data = re.search(r'<script[^>]*id="data"[^>]*>(.*?)</script>', page.read_text(), re.S)
        assert data
        for text in (self.export(trace), data[1],
                     self.bellwire("trace", "show", trace, "--json").stdout,
                     self.bellwire("trace", "diff", trace, trace, "--json").stdout):
            json.loads(text, parse_float=self.assert_plain, parse_constant=self.fail)

    def assert_plain(self, number: str) -> None:
        self.assertRegex(number, r"^-?\d+(\.\d+)?$")


class Nonsense(PerfettoCase):
    def test_a_queue_of_it_costs_the_others_nothing(self) -> None:
        honest = made_up(50)["requests"]
        whole = self.assert_strict(self.export(self.write(honest)), 50)
        for lie in (1e300, -1e300, 9.3e18, -9.3e18, 2.0 ** 51):
            with self.subTest(lie=lie):
                liar = {"queue": 1, "index": 7, "at": [None] + [lie] * 10}
                trace = self.write([*honest[:25], liar, *honest[25:]],
                                   interrupts=[{"queue": 1, "at": lie, "requests": 1}])
                imported = self.assert_strict(self.export(trace), 50)
                self.assertEqual([(each.name, each.began, each.took) for each in whole.slices],
                                 [(each.name, each.began, each.took) for each in imported.slices])
                figures = json.loads(self.bellwire("trace", "show", trace, "--json").stdout)
                self.assertEqual(figures["left_out"], [{"queue": 1, "requests": 1, "records": 1}])
                self.assertRegex(self.bellwire("trace", "show", trace).stdout,
                                 r"left out +of queue 1: 1 requests and 1 other records")

    def test_stages_that_the_others_have_not(self) -> None:
        honest = [each for each in made_up(50)["requests"] if each["at"][1] is not None]
        for each in honest:
            each["at"][0] = None  # their driver records nothing
        liar = {"queue": 1, "index": 7, "at": made_up(1)["requests"][0]["at"]}
        imported = self.assert_strict(self.export(self.write([*honest, liar])),
                                      len(honest) + 1)
        self.assertEqual(len(imported.flows), len(honest) + 1)


class Compressed(PerfettoCase):
    def test_by_name(self) -> None:
        plain, packed = self.folder / "trace.json", self.folder / "trace.json.gz"
        for path in (plain, packed):
            self.bellwire("device", "echo", "--on", f"in-process:rings={RINGS},depth=8", "--trace",
                          path)
        trace = json.loads(gzip.decompress(packed.read_bytes()))
        self.assertEqual(len(trace["requests"]), RINGS)
        for path in (plain, packed):
            self.assertIn("echo over in-process", self.bellwire("trace", "show", path).stdout)
        self.bellwire("trace", "diff", plain, packed)
        text = self.export(packed)
        out = self.folder / "perfetto.json.gz"
        self.bellwire("trace", "export", packed, "--perfetto", out)
        self.assertEqual(gzip.decompress(out.read_bytes()).decode(), text)
        self.assertLess(out.stat().st_size * GZIP_PART, len(text))

    def test_whatever_it_is_called(self) -> None:
        path = self.folder / "run"
        path.write_bytes(gzip.compress(json.dumps(made_up(5)).encode()))
        self.assertIn("echo over ivshmem", self.bellwire("trace", "show", path).stdout)

    def test_damaged(self) -> None:
        path = self.folder / "run.gz"
        path.write_bytes(gzip.compress(json.dumps(made_up(5)).encode())[:-20])
        self.assert_refused(1, [str(path), "cut off"], self.run_program("trace", "show", path))


def random_requests(dice: random.Random) -> list[dict[str, Any]]:
    """That overlap, leave stages out, go backwards, take no time, begin below 0."""
    scale = dice.choice((1, 50, 1e3, 1e6))
    began = dice.choice((0.0, -1e5, 1e12)) + dice.random()
    requests = []
    for index in range(dice.randrange(1, 80)):
        times = [began]
        for _ in STAGES[1:]:
            times.append(times[-1] + dice.choice((0, 0.1, scale * dice.random(), -0.3 * dice.random())))
        times[-1] = max(times[0], times[-1])
        at: list[float | None] = [*times]
        for stage in range(1, len(STAGES) - 1):
            if dice.random() < 0.2:
                at[stage] = None
        requests.append({"queue": index % 3, "index": index, "at": at})
        began += dice.choice((0.0, 0.4, scale * dice.random()))
    return requests


if __name__ == "__main__":
    unittest.main()
