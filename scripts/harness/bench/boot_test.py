# SPDX-License-Identifier: BSD-3-Clause
import tempfile
import time
import unittest
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

from harness.bench import boot, idle
from harness.core import runs
from harness.core.places import HarnessError


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

    def test_a_dead_process_is_not_an_idle_one(self) -> None:
        dead = SimpleNamespace(what="device 0", pid=None, check=lambda: None, log="its.log")
        with self.assertRaisesRegex(HarnessError, "device 0 isn't running"):
            idle.switches(dead)  # type: ignore[arg-type]
