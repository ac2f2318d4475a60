# SPDX-License-Identifier: BSD-3-Clause
import tempfile
import unittest
from collections import Counter
from pathlib import Path

from bellwire.suite import levels, schedule
from bellwire.report.results import Usage
from bellwire.suite.schedule import CPUS, Cost


class ScheduleTest(unittest.TestCase):
    def test_the_longest_comes_first_and_before_it_what_it_needs(self) -> None:
        costs = {"build": Cost(1, 1), "long": Cost(90, 1), "short": Cost(10, 1),
                 "after": Cost(99, 1)}
        needs = {"short": (), "long": (), "build": (), "after": ("build",)}
        self.assertEqual(schedule.first_things_first(needs, costs),
                         ["build", "after", "long", "short"])

    def test_what_waits_runs_beside_what_works(self) -> None:
        costs = {"works": Cost(10, 10 * CPUS), "half": Cost(10, 5 * CPUS), "waits": Cost(10, 1)}
        table: list[tuple[list[str], list[str], str | None]] = [
            (["works", "waits"], [], "works"), (["half", "waits"], ["works"], "waits"),
            (["works", "half"], ["half"], "half"), (["works"], ["half"], None),
            (["half"], ["works"], None), (["works", "waits"], ["waits"], "works"),
            ([], [], None), (["waits"], ["waits"] * schedule.MOST, None)]
        for waiting, running, wanted in table:
            with self.subTest(waiting=waiting, running=running):
                self.assertEqual(schedule.fitting(waiting, running, costs), wanted)

    def test_times_are_kept_of_steps_that_did_not_run(self) -> None:
        file = Path(self.enterContext(tempfile.TemporaryDirectory()), "times.json")
        self.assertEqual(schedule.load(file), {})
        schedule.save({"a": Usage(60, 90, 0.1), "b": Usage(7, 1)}, file)
        schedule.save({"a": Usage(50, 80), "short": Usage(0.1, 0.1)}, file)
        self.assertEqual(schedule.load(file), {"a": Cost(50, 80), "b": Cost(7, 1)})

    def test_a_build_keeps_its_time_without_the_compilers_cache(self) -> None:
        file = Path(self.enterContext(tempfile.TemporaryDirectory()), "times.json")
        for cpu, kept in ((9, 9), (200, 200), (9, 200)):
            schedule.save({"build: asan": Usage(cpu, cpu)}, file)
            self.assertEqual(schedule.load(file), {"build: asan": Cost(kept, kept)})


class ShardTest(unittest.TestCase):
    def test_every_step_runs_on_exactly_one_machine(self) -> None:
        every = levels.choose(levels.ALL)
        costs = schedule.load()
        for count in (1, 2, 3, 7):
            parts = [levels.shard(every, number, count, costs) for number in range(1, count + 1)]
            ran = Counter(levels.title(*step) for part in parts for step in part
                          if step[0] != "build")
            with self.subTest(count):
                self.assertEqual(ran, Counter(levels.title(*step) for step in every
                                              if step[0] != "build"))
                self.assertLessEqual({"build: release", "build: asan", "build: tsan"},
                                     {levels.title(*step) for part in parts for step in part})

    def test_a_machine_builds_what_its_steps_need(self) -> None:
        every = levels.choose(levels.ALL)
        for number in range(1, 5):
            part = levels.shard(every, number, 4, schedule.load())
            there = {levels.title(*step) for step in part}
            for _, step in part:
                self.assertLessEqual(set(step.needs), there)

    def test_the_parts_take_about_as_long(self) -> None:
        needs = {f"step {number}": () for number in range(20)}
        costs = {f"step {number}": Cost(10 + number, 10 + number) for number in range(20)}
        sums = [sum(costs[title].cpu for title in schedule.shard(needs, costs, number, 3))
                for number in (1, 2, 3)]
        self.assertLessEqual(max(sums) - min(sums), 29)
        self.assertEqual(schedule.shard(needs, costs, 2, 3), schedule.shard(needs, costs, 2, 3))
