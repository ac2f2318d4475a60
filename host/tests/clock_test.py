# SPDX-License-Identifier: BSD-3-Clause
"""The time of day is stepped to and fro, by decades, some hundred times a second: the programs go on, since
they wait by the clock that only goes forwards. Only a trace says what day it was."""

import json
import os
import re
import subprocess
import unittest
from pathlib import Path
from typing import Any

from live_case import LiveCase, samples
from program import REPORTS, ROOT, pipe
from programs_test import PATIENCE
from vfio_user_peer import Peer
from web_socket import WebSocket

SOURCE = Path(__file__).with_name("stepped_clock.c")
ALL_WELL = re.compile(r"(\d+) requests at depth \d+: \1 answered, 0 lost, 0 wrong, 0 unexpected, 0 hung\n")
LINE = re.compile(r"bellwire: (?:info|warning|error): [^\n]+")
WALL_CLOCK = re.compile(r"system_clock|CLOCK_REALTIME|\bgettimeofday\(|\btime\((?:nullptr|NULL|0)\)")


def completed(sample: dict[str, Any]) -> int:
    return int(sample["device"]["queues"][0]["completed"])


@unittest.skipIf(REPORTS, "a sanitizer's library must be loaded first")
class SteppedClock(LiveCase):
    def setUp(self) -> None:
        super().setUp()
        library = self.folder / "stepped_clock.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror", "-O1", SOURCE, "-o", library],
                       check=True)
        before = os.environ.get("LD_PRELOAD")
        os.environ["LD_PRELOAD"] = str(library)
        self.addCleanup(os.environ.pop, "LD_PRELOAD")
        if before is not None:
            self.addCleanup(os.environ.__setitem__, "LD_PRELOAD", before)

    def end(self, process: subprocess.Popen[str]) -> str:
        """It still ends when it is asked to; what it has logged, which must be lines."""
        process.terminate()
        self.assertEqual(process.wait(PATIENCE), 0)
        said = pipe(process.stderr).read()
        for line in said.splitlines():
            self.assertRegex(line, LINE)
        return said

    def test_the_clock_is_stepped(self) -> None:
        years: set[str] = set()

        def look() -> bool:
            years.add(subprocess.run(["date", "+%Y"], capture_output=True, text=True, check=True).stdout)
            return len(years) > 2

        self.until(look)

    def test_requests_with_a_guest_that_watches(self) -> None:
        trace = self.folder / "trace.json"
        run = self.run_program("device", "echo", "--on", "in-process:rings=50000,depth=8", "--trace", trace)
        self.assertEqual((run.returncode, run.stderr), (0, ""))
        self.assertRegex(run.stdout, ALL_WELL)
        self.assertRegex(json.loads(trace.read_text())["began"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        shown = self.run_program("trace", "show", trace)
        self.assertEqual((shown.returncode, shown.stderr), (0, ""))

    def test_timers_of_all_kinds(self) -> None:
        """Requests that take time, interrupts that are held back, polling, delays, lost signals."""
        on = ("--on", "in-process:rings=300,depth=4")
        for words in (["delay", *on], ["echo", *on, "--moderate", "500"], ["echo", *on, "--poll", "adaptive"],
                      ["echo", *on, "--fault", "delay doorbell 100us..2ms; delay interrupt 1ms"],
                      ["echo", *on, "--fault", "drop doorbell 1/20; drop interrupt 1/20; seed 7"]):
            with self.subTest(words):
                run = self.run_program("device", *words)
                self.assertEqual(run.returncode, 0, run.stderr)
                self.assertRegex(run.stdout, ALL_WELL)
                for line in run.stderr.splitlines():
                    self.assertRegex(line, LINE)
                self.assertNotRegex(run.stderr, "paused|gone|hang")

    def test_live_and_top(self) -> None:
        device, live, url = self.of_one_device()
        seen: list[dict[str, Any]] = []
        with WebSocket(url) as client:
            for found in samples(client):
                seen += [found] if found["device"]["queues"] else []
                if len(seen) > 20 and completed(seen[0]) < completed(seen[-1]):
                    break
        times = [each["at"] for each in seen]
        self.assertEqual(times, sorted(times))
        self.assertLess(times[-1] - times[0], PATIENCE)
        self.assertEqual({queue["hang"] for each in seen for queue in each["device"]["queues"]}, {""})
        top = self.run_program("top", self.socket, "--interval", "0.05", "--times", "5")
        self.assertEqual((top.returncode, top.stderr), (0, ""))
        live.terminate()
        self.assertEqual(live.wait(PATIENCE), 0)
        self.assertNotRegex(self.end(device), "paused|gone|hang")

    def test_a_switchboard_and_its_device(self) -> None:
        switchboard = self.switchboard()
        device = self.device()
        for _ in range(3):  # each is found again where the last one was
            said = self.end(device)
            self.assertNotIn("hang", said)
            device = self.device()
        self.end(device)
        self.assertEqual(self.end(switchboard), "")

    def test_a_card(self) -> None:
        device = self.start("device", "echo", "--on", f"vfio-user:{self.socket}")
        self.until(self.socket.exists)
        for _ in range(20):
            Peer(self.socket, PATIENCE).close()
        self.end(device)


class Sources(unittest.TestCase):
    def test_only_the_day_of_a_trace_is_by_the_wall_clock(self) -> None:
        users = set()
        for folder in ("vdev", "host"):
            for path in (ROOT / folder).rglob("*.[ch]pp"):
                if WALL_CLOCK.search(path.read_text()):
                    users.add(str(path.relative_to(ROOT).parent))
        self.assertEqual(users, {"host/trace/file", "host/trace/record"})
