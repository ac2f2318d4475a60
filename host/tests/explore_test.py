# SPDX-License-Identifier: BSD-3-Clause
"""`bellwire explore`: every order of a queue's steps. That planted defects are found is tested by
CTest (host/explore/CMakeLists.txt)."""

import json
import subprocess
import unittest

from program import REPORTS
from programs_test import USAGE, ProgramCase

SCENES = ("sleep", "full-ring", "generation", "restart", "later", "masked", "read", "poll",
          "callback", "look")
LARGE = ("look",)  # there is no time here for all of its orders


@unittest.skipIf(REPORTS, "ASan can't follow coroutines, and reports that; CTest runs it there")
class Explore(ProgramCase):
    def explore(self, *words: str, status: int = 0) -> subprocess.CompletedProcess[str]:
        run = self.run_program("explore", *words)
        self.assertEqual(run.returncode, status, run.stderr)
        return run

    def test_nothing_is_broken_in_any_order(self) -> None:
        scenes = json.loads(self.explore("--budget", "1", "--time", "10", "--json").stdout)
        self.assertEqual(tuple(scene["scene"] for scene in scenes), SCENES)
        for scene in scenes:
            with self.subTest(scene["scene"]):
                self.assertTrue(scene["exhausted"] or scene["scene"] in LARGE)
                self.assertIsNone(scene["failure"])
                self.assertGreater(scene["runs"], 50)

    def test_the_same_orders_each_time(self) -> None:
        first, second = (json.loads(self.explore("sleep", "--budget", "2", "--json").stdout)[0]
                         for _ in range(2))
        self.assertEqual((first["runs"], first["steps"]), (second["runs"], second["steps"]))

    def test_orders_by_chance_end_where_they_are_told_to(self) -> None:
        run = self.explore("full-ring", "--chance", "--runs", "500", "--seed", "3", "--json")
        (scene,) = json.loads(run.stdout)
        self.assertEqual((scene["runs"], scene["failure"]), (500, None))

    def test_one_order_is_run_again(self) -> None:
        (scene,) = json.loads(self.explore("sleep", "--schedule", "10:device", "--json").stdout)
        self.assertEqual((scene["runs"], scene["failure"]), (1, None))
        self.assertGreater(len(scene["story"]), 20)
        self.assertIn("holds in this one", self.explore("sleep", "--schedule", "-").stdout)

    def test_an_order_is_drawn_as_a_trace(self) -> None:
        path = self.folder / "order.json"
        (scene,) = json.loads(self.explore("sleep", "--schedule", "-", "--json", "--perfetto",
                                           str(path)).stdout)
        events = json.loads(path.read_text())["traceEvents"]
        threads = {event["tid"]: event["args"]["name"] for event in events
                   if event["name"] == "thread_name"}
        self.assertEqual([{"step": event["ts"], "actor": threads[event["tid"]], "what": event["name"]}
                          for event in events if event["ph"] == "X"], scene["story"])

    def test_nothing_is_drawn_where_no_order_fails(self) -> None:
        path = self.folder / "order.json"
        run = self.explore("sleep", "--budget", "0", "--perfetto", str(path))
        self.assertIn("--perfetto: no order failed, so nothing is drawn", run.stderr)
        self.assertFalse(path.exists())

    def test_the_list_says_what_is_promised(self) -> None:
        lines = self.explore("--list").stdout.splitlines()
        self.assertEqual(tuple(line.split()[0] for line in lines[1:]), SCENES)

    def test_what_is_wrong_is_named(self) -> None:
        for words, said in ((("slep",), "slep"),
                            (("--schedule", "-"), "--schedule is of one scene: name it"),
                            (("sleep", "--schedule", "3"), "'3' is no choice: write STEP:ACTOR"),
                            (("sleep", "--schedule", "3:disk"),
                             "there is no actor 'disk': choose driver, device or late"),
                            (("sleep", "--schedule", "9:driver 3:driver"), "the steps don't grow"),
                            (("sleep", "--schedule", "9999:driver"),
                             "there is no such choice at step 9999"),
                            (("--budget", "9"), "9"), (("--more",), "--more")):
            with self.subTest(words):
                run = self.explore(*words, status=USAGE)
                self.assertEqual(len(run.stderr.strip().splitlines()), 1, run.stderr)
                self.assertIn(said, run.stderr)
