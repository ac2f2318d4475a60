# SPDX-License-Identifier: BSD-3-Clause
import sys
import tempfile
import time
import unittest
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

from bellwire.bench import boot, idle
from bellwire.bench.suite import Figures, Ratio, Suite
from bellwire.core import runs
from bellwire.core.places import HarnessError
from bellwire.image.guest_image import Image
from bellwire.vms.qemu import VmConfig


CONFIG = VmConfig(Image("6.1", Path(), Path()))
ROUNDS: list[dict[str, dict[str, float]]] = [{"ours": {"us": ours}, "theirs": {"us": theirs}}
                                             for ours, theirs in ((3, 2), (10, 10), (2, 4))]


class RatioTest(unittest.TestCase):
    def test_it_is_the_middle_of_the_rounds_ratios(self) -> None:
        ratio = Ratio("ours / theirs", "us", "ours", "theirs", 1.0).of(ROUNDS)
        self.assertEqual((ratio["value"], ratio["spread"], ratio["ok"]), (1.0, [0.5, 1.5], True))

    def test_over_its_limit(self) -> None:
        self.assertIs(Ratio("", "us", "ours", "theirs", 0.9).of(ROUNDS)["ok"], False)

    def test_without_a_limit_it_is_neither_kept_nor_missed(self) -> None:
        self.assertIsNone(Ratio("", "us", "ours", "theirs", None).of(ROUNDS)["ok"])

    def test_a_figure_as_it_is(self) -> None:
        self.assertEqual(Ratio("", "us", "ours", None, 1.0).of(ROUNDS)["value"], 3)

    def test_the_spread_is_the_middle_half_as_in_race_test(self) -> None:
        for values, spread in (([4, 1, 3, 2], [1, 3]), ([7], [7, 7])):
            rounds = [{"ours": {"us": value}} for value in values]
            self.assertEqual(Ratio("", "us", "ours", None, None).of(rounds)["spread"], spread)


class SuiteTest(unittest.TestCase):
    def test_ways_are_measured_in_turn_and_rows_are_medians(self) -> None:
        order: list[str] = []
        took = count(1)

        def way(name: str) -> Callable[[VmConfig, int], Figures]:
            def measure(config: VmConfig, _: int) -> Figures:
                order.append(name)
                return {"us": next(took), "more": config.smp}

            return measure

        suite = Suite("", lambda: CONFIG, {"a": way("a"), "b": way("b")}, {"us": "µs"},
                      [Ratio("a / b", "us", "a", "b", None)])
        result = suite.measure(replace(CONFIG, smp=7), rounds=3, count=1)
        self.assertEqual("".join(order), "ababab")
        self.assertEqual(result["rows"], [{"name": "a", "us": 3, "more": 7},
                                          {"name": "b", "us": 4, "more": 7}])
        self.assertEqual((result["rounds"], result["columns"]), (3, {"us": "µs"}))
        self.assertEqual(result["ratios"][0]["value"], 3 / 4)

    def test_ways_that_are_measured_together_have_a_row_each(self) -> None:
        suite = Suite("", lambda: CONFIG, {"a": lambda *_: {"us": 1}}, {"us": "µs"}, [],
                      [lambda config, _: {"b": {"us": config.smp}, "c": {"us": 3}}])
        rows = suite.measure(replace(CONFIG, smp=2), rounds=1, count=1)["rows"]
        self.assertEqual([(row["name"], row["us"]) for row in rows], [("a", 1), ("b", 2), ("c", 3)])


class BenchTest(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.enterContext(mock.patch.object(runs, "create", lambda: self.folder))

    def test_a_run_has_its_time(self) -> None:
        self.assertGreater(boot.time_run(["true"])["seconds"], 0)

    def test_a_run_that_fails_is_no_figure(self) -> None:
        with self.assertRaisesRegex(HarnessError, "sh ended with 3: boom"):
            boot.time_run(["sh", "-c", "echo boom; exit 3"])

    def test_at_the_limit_all_that_a_script_started_is_killed(self) -> None:
        script = f"trap '' TERM; sleep 4321 & echo $! >{self.folder}/pid; wait; wait; wait"
        with self.assertRaisesRegex(HarnessError, "still ran after 2 s"):
            boot.time_run(["sh", "-c", script], limit=2)
        stat = Path("/proc", (self.folder / "pid").read_text().strip(), "stat")
        deadline = time.monotonic() + 60
        while stat.exists() and stat.read_text().split(") ")[1][0] not in "ZX":
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)

    def test_several_at_once_have_one_time(self) -> None:
        meet = f"echo x >>{self.folder}/ran; until [ $(wc -l <{self.folder}/ran) = 3 ]; do sleep 0.01; done"
        boot.time_run(["sh", "-c", meet], number=3)
        with self.assertRaisesRegex(HarnessError, "sh ended with 1"):
            boot.time_run(["sh", "-c", f"mkdir {self.folder}/once"], number=2)

    def test_memory_is_that_of_all_processes(self) -> None:
        hold = "import sys, time; kept = bytes([1]) * (int(sys.argv[1]) << 20); " \
               f"print('{boot.RUNG}', flush=True); time.sleep(4321)"
        script = '"$0" -c "$1" "$2" & wait'
        one, more = (boot.memory(["sh", "-c", script, sys.executable, hold, mib], number)
                     for mib, number in (("0", 1), ("40", 2)))
        # Of what a process shares, it has a part; so one less the other is not quite that of both.
        self.assertGreater(more - one, 60)

    def test_one_that_ends_too_early_has_no_memory(self) -> None:
        with self.assertRaisesRegex(HarnessError, "sh never said 'all is rung': boom"):
            boot.memory(["sh", "-c", "echo boom"], 1)

    def test_a_dead_process_is_not_an_idle_one(self) -> None:
        dead = SimpleNamespace(what="device 0", pid=None, check=lambda: None, log="its.log")
        with self.assertRaisesRegex(HarnessError, "device 0 isn't running"):
            idle.switches(dead)  # type: ignore[arg-type]
