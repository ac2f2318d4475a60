# SPDX-License-Identifier: BSD-3-Clause
import os
import unittest
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

from bellwire.commands import soak, soak_page
from bellwire.commands.soak_page import Process, Sample
from bellwire.vms.vm import Vm

STEADY = Process(800, 50, 2)


def samples(of: Callable[[int], Process], name: str = "switchboard") -> list[Sample]:
    other = next(each for each in soak_page.WATCHED if each != name)
    return [Sample(float(second), {name: of(second), other: STEADY}) for second in range(100)]


class GrowthTest(unittest.TestCase):
    def test_what_stays_has_not_grown(self) -> None:
        self.assertEqual(soak_page.growth(samples(lambda _: STEADY)), [])

    def test_the_first_quarter_warms_up(self) -> None:
        self.assertEqual(soak_page.growth(samples(lambda at: Process(400 + 40 * min(at, 20), 50, 2))), [])

    def test_a_single_descriptor_is_too_many(self) -> None:
        lines = soak_page.growth(samples(lambda at: Process(800, 50 + (at > 60), 2)))
        self.assertEqual(lines, ["switchboard: descriptors grew from 50 to 51"])

    def test_memory_that_leaks_slowly(self) -> None:
        lines = soak_page.growth(samples(lambda at: Process(800 + 100 * at, 50, 2)))
        self.assertRegex("; ".join(lines), r"^switchboard: memory grew from [\d,]+ to [\d,]+ KiB$")

    def test_what_was_hardly_seen_is_no_verdict(self) -> None:
        self.assertEqual(len(soak_page.growth(samples(lambda _: STEADY)[:3])), 2)

    def test_a_process_is_looked_at(self) -> None:
        seen = soak_page.sample(1.0, {"own": os.getpid(), "none": None, "ended": 2**22 + 1})
        self.assertEqual(list(seen.processes), ["own"])
        before = seen.processes["own"]
        with open("/dev/null") as _:
            after = soak_page.sample(2.0, {"own": os.getpid()}).processes["own"]
        self.assertEqual(after.descriptors - before.descriptors, 1)
        self.assertGreater(before.memory, 0)


class PageTest(unittest.TestCase):
    def page(self, troubles: list[str]) -> str:
        return soak_page.page({"seed": 1}, {"qemu": "7"}, troubles, samples(lambda _: STEADY),
                              [(1.0, 50.0, 90.0), (2.0, 51.0, 99.0)], {"kill device": 3})

    def test_it_says_that_all_is_well(self) -> None:
        page = self.page([])
        self.assertIn("Nothing was lost, and nothing grew.", page)
        self.assertIn("kill device", page)
        self.assertIn("50 to 51", page)

    def test_it_says_what_is_wrong(self) -> None:
        page = self.page(["bystander: run 5: <lost>"])
        self.assertIn("Something was lost, or grew.", page)
        self.assertIn("run 5: &lt;lost&gt;", page)


@dataclass
class FakeVm:
    said: list[bytes] = field(default_factory=list)

    @property
    def stdout(self) -> "FakeVm":
        return self

    def read(self) -> bytes:
        return self.said.pop(0) if self.said else b""


def run(**changed: Any) -> bytes:
    figures = {"device": "echo", "rings": 10, "completions": 10, "lost": 0, "duplicated": 0, "corrupted": 0,
               "hung": 0, "recovered_doorbells": 1, "recovered_interrupts": 2, **changed}
    return b"# " + str(figures).replace("'", '"').encode() + b"\n"


class RingerTest(unittest.TestCase):
    def troubles(self, *said: bytes) -> list[str]:
        self.ringer = soak.Ringer(cast(Vm, FakeVm(list(said))))
        for _ in said:
            list(self.ringer.follow())
        return self.ringer.troubles

    def test_runs_that_are_right(self) -> None:
        self.assertEqual(self.troubles(b"KTAP version 1\n" + run(), run()), [])
        self.assertEqual((self.ringer.runs, self.ringer.rings, self.ringer.recovered), (2, 20, 6))

    def test_a_line_that_comes_in_pieces(self) -> None:
        self.assertEqual(self.troubles(run()[:20], run()[20:]), [])
        self.assertEqual(self.ringer.runs, 1)

    def test_a_line_that_a_reset_cut(self) -> None:
        self.assertEqual(self.troubles(run()[:20] + b"\n" + run()), [])
        self.assertEqual(self.ringer.runs, 1)

    def test_each_thing_that_is_wrong(self) -> None:
        for changed in ({"lost": 1}, {"duplicated": 1}, {"corrupted": 1}, {"hung": 1}, {"completions": 9},
                        {"rings": 0, "completions": 0}):
            with self.subTest(changed):
                self.assertEqual(len(self.troubles(run(**changed))), 1)


class OptionsTest(unittest.TestCase):
    def test_wrong_ones(self) -> None:
        for words in (["--minutes", "0"], ["--seed", "-1"], ["--page", "/nowhere/page.html"]):
            with self.subTest(words), self.assertRaises(SystemExit) as ended:
                soak.main(words)
            self.assertEqual(ended.exception.code, 2)
