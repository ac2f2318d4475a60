# SPDX-License-Identifier: BSD-3-Clause
"""Recordings of VMs: the hops of each request are in order, on one clock."""

import re

import pytest

from bellwire import Request, Trace, Vm
from vmtests.bell import Bell

COUNT = 10_000
STAGES = ["submitted", "kicked", "doorbell", "woken", "taken", "posted", "raised", "interrupted",
          "signalled", "awake", "done"]
OWN = ["submitted", "taken", "posted", "done"]  # those that a request has at any rate


def test_ivshmem(vm: Vm, trace: Trace, bell: Bell) -> None:
    check(vm, trace, bell)


@pytest.mark.transport("vfio-user")
def test_vfio_user(vm: Vm, trace: Trace, bell: Bell) -> None:
    check(vm, trace, bell)


def test_the_modules_tracepoints_say_the_same(vm: Vm, trace: Trace, bell: Bell) -> None:
    assert vm.run("mount -t tracefs nodev /sys/kernel/tracing && "
                  "echo 1 >/sys/kernel/tracing/events/bellwire/enable").status == 0
    bell.ring(vm, "--count 20")
    said = vm.run("cat /sys/kernel/tracing/trace").stdout
    doorbells = [int(seen) for seen in re.findall(r"doorbell: .* submitted=(\d+)", said)]
    assert len(doorbells) == len(trace.data["doorbells"])
    rung = {request.index for request in trace.requests if request.at["doorbell"] is not None}
    assert rung < {seen - 1 for seen in doorbells}


def check(vm: Vm, trace: Trace, bell: Bell) -> None:
    bell.ring(vm, f"--count {COUNT}")
    bell.ring(vm, f"--count {COUNT} --depth 64")
    assert trace.stages == STAGES
    requests = trace.requests
    if not any(trace.data["lost"].values()):
        assert len(requests) == 2 * COUNT
        assert all(request.at[stage] is not None for request in requests for stage in OWN)
    assert len(requests) > COUNT
    assert sum(None not in request.at.values() for request in requests) > COUNT / 2
    back = [steps_back(request) for request in requests]
    assert sum(step > 0 for step in back) < len(requests) / 1000
    assert max(back) <= trace.uncertainty
    for calls in trace.data["doorbells"], trace.data["interrupts"]:
        assert len(calls) < len(requests)
        assert sum(call["requests"] for call in calls) <= len(requests)


def steps_back(request: Request) -> float:
    """The largest step back from one stage to the next, in ns."""
    times = [at for at in request.at.values() if at is not None]
    return max((before - after for before, after in zip(times, times[1:])), default=0)
