# SPDX-License-Identifier: BSD-3-Clause
import tempfile
import unittest
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast
from unittest import mock

from bellwire.labs import findings
from bellwire.labs.findings import Findings
from bellwire.labs.processes import Device
from bellwire.vms.vm import Vm

HANG = "request 7: submitted 1.2 s ago, its kick never seen: lost kick\n"
PAUSE = "bell: request 9: submitted 1.2 s ago, its kick never seen: device paused\n"


class FindingsTest(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.files = {name: self.folder / name for name in ("device", "stderr", "console", "report")}
        for path in self.files.values():
            path.touch()

    def find(self, status: int | None = 0, injected: Mapping[str, int] = {}, **texts: str) -> Findings:
        for name, text in texts.items():
            self.files[name].write_text(text)
        device: Any = mock.Mock(spec_set=("log", "failure", "what"), log=self.files["device"],
                                failure=status, what="device 0 (echo)")
        vm: Any = mock.Mock(consoles=[self.files["console"]])
        vm.stderr.path = self.files["stderr"]
        vm.reported.side_effect = self.files["report"].read_text
        return findings.find([cast(Device, device)], [cast(Vm, vm)], of_guests=[injected])

    def test_nothing(self) -> None:
        self.assertFalse(self.find(report="KTAP version 1\n1..1\nok 1 a\n"))

    def test_a_hang_that_both_sides_report_is_one(self) -> None:
        found = self.find(device=f"bellwire: warning: echo: queue 0: {HANG}", stderr=f"bell: {HANG}")
        self.assertTrue(found)
        self.assertEqual([line for line, _ in found.hangs], [f"echo: queue 0: {HANG.strip()}"])

    def test_a_pause_is_not_wrong(self) -> None:
        found = self.find(stderr=PAUSE)
        self.assertFalse(found)
        self.assertEqual(len(found.interruptions), 1)

    def test_what_is_wrong_is_a_line_each(self) -> None:
        found = self.find(status=-9, device="bellwire: no memory\n",
                          console="[    1.0] WARNING: CPU: 0 at x\n",
                          report="KTAP version 1\n1..1\nnot ok 1 a\n")
        self.assertEqual([line.partition(";")[0] for line in found.lines()],
                         ["the guest's kernel says: WARNING: CPU: 0 at x",
                          "device 0 (echo) was killed by SIGKILL: no memory", "failed: a"])

    def test_a_plan_of_a_guest_that_changed_nothing(self) -> None:
        self.assertFalse(self.find(injected={"freeze guest every 1s 1s": 3, "reset guest after 9s": 0}))
        self.assertEqual([line.partition(";")[0] for line in self.find(
            injected={"reset guest after 9s": 0}).lines()],
            ["nothing was injected: the command ended before 'reset guest after 9s'"])

    def test_a_report_that_is_none(self) -> None:
        self.assertEqual([case.name for case in self.find(report="all is well\n").failed], ["report"])
