# SPDX-License-Identifier: BSD-3-Clause
"""`bellwire device --drop`: the log reports what was lost, as the harness reads logs."""

import re
import subprocess
import sys
import time
import unittest
from pathlib import Path

from program import PROGRAM
from programs_test import FAILED, PATIENCE, ProgramCase, why_no_kvm

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts/python"))

from bellwire.report import logs  # noqa: E402

# With a driver that does not look for what did not come; that on KVM never does.
RUNS = {"in-process": "in-process:rings=3000,recover=0", "kvm": "kvm:rings=3000"}
LOST = (("doorbell", "doorbell written", "never seen by the device: lost doorbell"),
        ("interrupt", "completion posted and interrupt raised",
         "no interrupt taken: lost interrupt"))


class Drop(ProgramCase):
    def test_what_is_lost_is_reported(self) -> None:
        for transport in ("in-process", *([] if why_no_kvm() else ["kvm"])):
            for wire, was, never in LOST:
                with self.subTest(f"{transport}: {wire}"):
                    self.assertRegex(self.lose(transport, wire),
                                     rf"^echo: queue 0: request \d+: {was} \d+\.\d s ago, {never}$")

    def lose(self, transport: str, wire: str) -> str:
        """Returns the report of a loss. A loss may not matter, if its side looks by itself just then;
        then another one is tried."""
        for number in range(20, 40):
            log = self.folder / f"{number}.log"
            with log.open("wb") as file:
                device = subprocess.Popen([PROGRAM, "device", "echo", "--on", RUNS[transport],
                                           "--drop", f"{wire}={number}"],
                                          stdout=subprocess.DEVNULL, stderr=file)
            deadline = time.monotonic() + PATIENCE
            while device.poll() is None and not logs.hangs(log) and time.monotonic() < deadline:
                time.sleep(0.01)
            device.kill()
            device.wait()
            if hangs := logs.hangs(log):
                return hangs[0]
        self.fail(f"no lost {wire} was reported")

    def test_a_plan_that_is_never_reached_is_an_error(self) -> None:
        for wire in ("doorbell", "interrupt"):
            with self.subTest(wire):
                run = self.run_program("device", "echo", "--on", "in-process:rings=20", "--drop",
                                       f"{wire}=5000")
                self.assertEqual(run.returncode, FAILED)
                self.assertRegex(run.stderr, rf"nothing was dropped: only \d+ {wire}s arrived\n\Z")

    def test_it_ends_with_its_report(self) -> None:
        for transport in ("in-process", *([] if why_no_kvm() else ["kvm"])):
            for wire, was, never in LOST:
                with self.subTest(f"{transport}: {wire}"):
                    self.check_end(transport, wire, rf"{was} \d+\.\d s ago, {never}")

    def check_end(self, transport: str, wire: str, words: str) -> None:
        for number in range(50, 70):
            run = self.run_program("device", "echo", "--on", RUNS[transport],
                                   "--drop", f"{wire}={number}")
            report = re.match(r"3000 requests at depth 1: (\d+) answered, 0 lost, 0 wrong, "
                              r"0 unexpected, (\d+) hung\n", run.stdout)
            assert report, run.stdout
            if run.returncode == 0:  # it did not matter
                self.assertEqual(report.groups(), ("3000", "0"))
                continue
            self.assertEqual((run.returncode, report[2]), (FAILED, "1"), run.stdout)
            self.assertRegex(run.stdout, rf"(?m)^request \d+: {words}$")
            self.assertIn("1 hung; request", run.stderr)
            return
        self.fail(f"no lost {wire} mattered")


if __name__ == "__main__":
    unittest.main()
