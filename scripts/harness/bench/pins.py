# SPDX-License-Identifier: BSD-3-Clause
"""Who runs on which CPU: the guest's on one, all else of its QEMU and the devices on the others.

So no round trip hangs on where the scheduler just put somebody. On a machine
with one CPU nobody is pinned.
"""

import os
from collections.abc import Iterable, Sequence

from harness.labs.lab import Lab
from harness.vms.vm import Vm


def pin(lab: Lab, vm: Vm) -> None:
    """Of a VM that is up."""
    guest, others = _cpus()
    if not others:
        return
    guests = vm.cpu_threads()
    for process in (vm.pid, *(process.pid for process in lab.processes)):
        for thread in _threads(process):
            os.sched_setaffinity(thread, guest if thread in guests else others)


def facts() -> dict:
    """As the program's suites say it."""
    guest, others = _cpus()
    return {"guest_runs_on": _said(guest), "device_runs_on": _said(others)} if others else {}


def _cpus() -> tuple[Sequence[int], Sequence[int]]:
    first, *others = sorted(os.sched_getaffinity(0))
    return [first], others


def _threads(process: int | None) -> Iterable[int]:
    return map(int, os.listdir(f"/proc/{process}/task")) if process else ()


def _said(cpus: Iterable[int]) -> str:
    return "CPU " + ", ".join(map(str, cpus))
