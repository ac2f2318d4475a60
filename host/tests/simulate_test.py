# SPDX-License-Identifier: BSD-3-Clause
"""`bellwire simulate`: devices, guests and faults on a clock of its own. Its parts are tested by CTest
(vdev/simulate/world_test.cpp)."""

import json
import re
import shlex
import subprocess
import unittest
from pathlib import Path
from typing import Any

from program import REPORTS
from programs_test import USAGE, ProgramCase

SEEDS = Path(__file__).resolve().parent.parent / "simulate/seeds.txt"
TIMES = re.compile(r".* of the simulation's clock took .*\n")


def kept() -> list[list[str]]:
    lines = (line.partition("#")[0].strip() for line in SEEDS.read_text().splitlines())
    return [shlex.split(line) for line in lines if line]


@unittest.skipIf(REPORTS, "ASan warns of all coroutines; CTest runs them there")
class Simulate(ProgramCase):
    def simulate(self, *words: str, status: int = 0) -> subprocess.CompletedProcess[str]:
        run = self.run_program("simulate", *words)
        self.assertEqual(run.returncode, status, run.stdout + run.stderr)
        return run

    def outcome(self, *words: str, status: int = 0) -> Any:
        return json.loads(self.simulate(*words, "--json", status=status).stdout)

    def test_the_seeds_that_are_kept_end_well(self) -> None:
        self.assertGreater(len(kept()), 3)
        for words in kept():
            with self.subTest(shlex.join(words)):
                outcome = self.outcome(*words)
                self.assertIsNone(outcome["failure"])
                requests = int(words[words.index("--requests") + 1])
                self.assertEqual(outcome["counts"]["answered"], requests)

    def test_the_same_seed_gives_the_same_run_byte_for_byte(self) -> None:
        first, second = (TIMES.sub("", self.simulate("--seed", "9", "--requests", "5000").stdout)
                         for _ in range(2))
        self.assertEqual(first, second)
        self.assertRegex(first, r"\ndigest [0-9a-f]{16}\n")
        self.assertNotEqual(first, TIMES.sub("", self.simulate("--requests", "5000").stdout))

    def test_devices_and_guests_meet_at_a_switchboard(self) -> None:
        words = ("--requests", "20000", "--devices", "2")
        for seed in ("2", "3"):
            outcome = self.outcome(*words, "--seed", seed, "--switchboard")
            self.assertEqual(outcome["counts"]["answered"], 20000)
            self.assertGreaterEqual(outcome["switchboard"]["joined"], 4)
        self.assertIsNone(self.outcome(*words, "--no-switchboard")["switchboard"])
        by_chance = {self.outcome("--requests", "100", "--seed", str(seed))["switchboard"] is None
                     for seed in range(1, 13)}
        self.assertEqual(by_chance, {False, True})
        first, second = (TIMES.sub("", self.simulate(*words, "--switchboard").stdout)
                         for _ in range(2))
        self.assertEqual(first, second)
        self.assertRegex(first, r"\nswitchboard: [1-9]\d* starts")

    def test_what_goes_wrong_is_survived(self) -> None:
        plan = ("drop doorbell 1/100; drop interrupt 1/100; double interrupt 1/50; "
                "crash completion 1/2000; delay doorbell 1/100 10us..1ms")
        outcome = self.outcome("--seed", "5", "--requests", "20000", "--fault", plan,
                               "--devices", "2", "--device", "echo", "--queues", "2")
        counts = outcome["counts"]
        self.assertEqual(counts["answered"], 20000)
        self.assertGreater(counts["recovered_doorbells"] + counts["recovered_interrupts"], 0)
        self.assertGreater(counts["starts"], 2)
        self.assertEqual(len(outcome["devices"]), 2)
        for device in outcome["devices"]:
            self.assertIn("by 'drop doorbell 1/100'", device["faults"])

    def test_a_failure_is_told_with_what_happened_and_the_words_that_repeat_it(self) -> None:
        words = ("--seed", "3", "--requests", "2000", "--devices", "1", "--device", "echo",
                 "--queues", "1", "--depth", "1", "--fault", "drop interrupt 40",
                 "--no-switchboard", "--no-operator", "--recover", "off")
        run = self.simulate(*words, "--notes", "3", status=1)
        self.assertIn("lost interrupt", run.stderr)
        notes, again = run.stdout.split("\n\n")[1:]
        self.assertEqual(len(notes.splitlines()), 3)
        line = re.search(r"^Again: bellwire (.*)$", again, re.MULTILINE)
        assert line is not None
        repeated = self.run_program(*shlex.split(line[1]), "--notes", "3")
        self.assertEqual(TIMES.sub("", repeated.stdout), TIMES.sub("", run.stdout))

    def test_what_is_wrong_is_named(self) -> None:
        for words, said in ((("--seed", "x"), "x"), (("--requests", "0"), "0"),
                            (("--device", "edu"), "edu"), (("--devices", "9"), "9"),
                            (("--fault", "lose all"), "--fault: 'lose' at character 1"),
                            (("--fault", "seed 4"), "--fault: there is a seed, and no rule"),
                            (("--recover", "maybe"), "maybe"), (("more",), "more")):
            with self.subTest(words):
                run = self.run_program("simulate", *words)
                self.assertEqual((run.returncode, run.stdout), (USAGE, ""))
                self.assertRegex(run.stderr, r"\A[^\n]+\n\Z")
                self.assertIn(said, run.stderr)


if __name__ == "__main__":
    unittest.main()
