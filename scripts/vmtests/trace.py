# SPDX-License-Identifier: BSD-3-Clause
"""Recordings of VMs: the hops of each request are in order, on one clock."""

import json
import re
from typing import Any

from bellwire.image import kernel
from bellwire.labs.processes import Recorder
from bellwire.vms import toolbox
from vmtests.case import VmCase, vm_config

COUNT = 10_000
TRAFFIC = (f"bell ring --ktap --count {COUNT}",
           f"bell ring --ktap --count {COUNT} --depth 64")
STAGES = ["submitted", "kicked", "doorbell", "woken", "taken", "posted", "raised", "interrupted",
          "signalled", "awake", "done"]
OWN = ["submitted", "taken", "posted", "done"]  # those that a request has at any rate


class Trace(VmCase):
    def test_ivshmem(self) -> None:
        self.check(self.record(*TRAFFIC))

    def test_vfio_user(self) -> None:
        program = toolbox.find(toolbox.VFIO_USER, "vfio-user-pci")
        self.check(self.record(*TRAFFIC, on=vm_config(kernel.DEFAULT, 1, program, True),
                               transport="vfio-user"))

    def test_the_modules_tracepoints_say_the_same(self) -> None:
        trace = self.record("mount -t tracefs nodev /sys/kernel/tracing",
                            "cd /sys/kernel/tracing", "echo 1 >events/bellwire/enable",
                            "bell ring --ktap --count 20", "cat trace >&2")
        said = (self.lab_folder / "stderr").read_text()
        doorbells = [int(seen) for seen in re.findall(r"doorbell: .* submitted=(\d+)", said)]
        self.assertEqual(len(doorbells), len(trace["doorbells"]))
        rung = [request["index"] for request in trace["requests"]
                if request["at"][STAGES.index("doorbell")] is not None]
        self.assertLess(set(rung), {seen - 1 for seen in doorbells})

    def record(self, *commands: str, **wires: Any) -> dict[str, Any]:
        lab = self.lab(**wires)
        lab.start()
        self.lab_folder = lab.folder
        recorder = Recorder(lab.devices[0], lab.folder / "trace.json",
                            {"accelerator": lab.config.accel})
        recorder.start()
        self.finish(self.boot(lab, *commands))
        recorder.stop()
        lab.check()
        found: dict[str, Any] = json.loads(recorder.out.read_text())
        return found

    def check(self, trace: dict[str, Any]) -> None:
        self.assertEqual([stage["name"] for stage in trace["stages"]], STAGES)
        requests = [dict(zip(STAGES, request["at"])) for request in trace["requests"]]
        if not any(trace["lost"].values()):
            self.assertEqual(len(requests), 2 * COUNT)
            self.assertTrue(all(request[stage] is not None for request in requests
                                for stage in OWN))
        self.assertGreater(len(requests), COUNT)
        self.assertGreater(sum(None not in request.values() for request in requests), COUNT / 2)
        uncertainty = trace["clock"]["uncertainty_ns"]
        back = [self.steps_back(request) for request in requests]
        self.assertLess(sum(step > 0 for step in back), len(requests) / 1000)
        self.assertLessEqual(max(back), uncertainty)
        for calls in trace["doorbells"], trace["interrupts"]:
            self.assertLess(len(calls), len(requests))
            self.assertLessEqual(sum(call["requests"] for call in calls), len(requests))

    def steps_back(self, request: dict[str, Any]) -> float:
        """The largest step back from one stage to the next, in ns."""
        times = [at for at in request.values() if at is not None]
        return max((before - after for before, after in zip(times, times[1:])), default=0)
