# SPDX-License-Identifier: BSD-3-Clause
"""The demo of rings: a process in the guest rings a device on the host and is rung back.

Five rings step by step, then many with each of the module's workers, then many more while the
device is killed and started again. The guest checks every completion.
"""

import argparse
import json
import operator
import random
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from bellwire import ktap
from bellwire.commands.demo_frame import Frame
from bellwire.core import messages
from bellwire.core.growing import LineReader
from bellwire.core.places import HarnessError
from bellwire.labs.lab import Lab
from bellwire.labs.processes import Recorder
from bellwire.report import logs
from bellwire.report.figures import Column, TextTable
from bellwire.vms.vm import Vm

TITLE = "a guest's process rings a device on the host, and is rung back"
PICTURES = {
    "ivshmem": """\
 guest                                                                     host
 process ──kick eventfd──▶ module ──doorbell──▶ QEMU ──ioeventfd──▶ device "echo", C++
 process ◀──call eventfd── module ◀────MSI-X─── QEMU ◀───────irqfd─ device "echo", C++
    └─────────── shared memory: requests and completions, with their payload ───────┘
""",
    "vfio-user": """\
 guest                                                                     host
 process ──kick eventfd──▶ module ──register──▶ QEMU ──vfio-user──▶ device "echo", C++
 process ◀──call eventfd── module ◀────MSI-X─── QEMU ◀─────eventfd─ device "echo", C++
    └─────────── the guest's memory: requests and completions, with payload ────────┘
""",
}
# The figures of a run: bell's names for them, and their columns.
COLUMNS = {
    "worker": Column("worker", 8, left=True), "depth": Column("depth", 5),
    "rings": Column("rings", 7), "lost": Column("lost", 4), "hung": Column("hung", 4),
    "duplicated": Column("duplicated", 10), "corrupted": Column("corrupted", 9),
    "doorbells": Column("doorbells", 9), "interrupts": Column("interrupts", 10),
    "p50_us": Column("p50 µs", 6, decimals=1), "p99_us": Column("p99 µs", 7, decimals=1),
    "per_second": Column("per s", 7),
}
IN_JSON = ("worker", "kick", "wait", "depth", "rings", "completions", *list(COLUMNS)[3:])
TABLE = TextTable(tuple(COLUMNS.values()), gap=1)
DEEP = 64  # requests under way in the deep runs,
MORE = 10  # which have so many times the rings
# QEMU never connects again to a device that it has whole.
RESTARTS = {"ivshmem": 5, "vfio-user": 0}
TRACED = 10_000  # requests of the deep runs that a trace has; it has all that come before
RUNS = 6  # three workers at two depths
LIMIT = 600.0  # seconds for the guest's whole command: a bound, not a goal


def show(frame: Frame, options: argparse.Namespace) -> int:
    faults = options.fault
    restarts = 0 if faults else RESTARTS[options.transport]  # who is killed says nothing of its faults
    with Lab(frame.config, frame.folder, transport=options.transport, faults=faults) as lab:
        lab.start()
        recorder = _recorder(options, lab, frame.version)
        vm = lab.vm(["sh", "-c", _guest_script(options.count, restarts)])
        if death := vm.boot(watch=lab.check):
            raise HarnessError(death.reason)
        frame.say_up(vm)
        show = _Show(lab, vm, restarts)
        verdict = vm.wait(LIMIT, show.follow)
        if recorder:
            recorder.stop()
    frame.write(options.json, {
        "runs": [{key: figures[key] for key in IN_JSON} for figures in show.figures[:RUNS]],
        "restarts": show.restarts(), "lost_over_restarts": show.lost_over_restarts(),
        "faults": dict(lab.findings().faults), "recovered": show.recovered()})
    troubles = show.troubles() + logs.complaints(vm.console)
    if faults:
        troubles += _of_faults(lab)
        print("recovered: {doorbells} doorbells, {interrupts} interrupts that had not come"
              .format(**show.recovered()))
    if verdict.status and not troubles:
        troubles = [verdict.reason]
    if not troubles:
        show.say_restarts()
    total = sum(figures["completions"] for figures in show.figures)
    status = frame.close(troubles, f"{total:,} rings, none lost, none duplicated, every answer correct")
    if recorder:
        print(f"To see each hop of the first requests: bellwire trace show {options.trace}")
    return status


def _of_faults(lab: Lab) -> list[str]:
    """Says what went wrong on purpose; returns what did because of it."""
    found = lab.findings()
    print(f"\n{found.injected()}")
    return [line for line, _ in [*found.hangs, *found.failures]]


def _recorder(options: argparse.Namespace, lab: Lab, version: str) -> Recorder | None:
    """A recorder that has started, if one is wanted."""
    if not options.trace:
        return None
    config = lab.config
    facts = {"accelerator": config.accel, "qemu": version, "guest_kernel": config.image.release}
    recorder = Recorder(lab.devices[0], options.trace, facts, RUNS // 2 * options.count + TRACED)
    recorder.start()
    return recorder


def _guest_script(count: int, restarts: int) -> str:
    results = ">/run/bellwire/results"
    return "; ".join([
        "status=0",
        "bell ring --steps 5 || status=1",
        f"bell ring --ktap --worker all --count {count} {results} || status=1",
        f"bell ring --ktap --worker all --count {count * MORE} --depth {DEEP} {results} || status=1",
        *([f"bell ring --ktap --until-restarts {restarts} --depth {DEEP} {results} || status=1"]
          if restarts else []),
        "exit $status"])


def explanation(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """What the table shows, for those who see one for the first time."""
    one = next(run for run in reversed(runs) if run["depth"] == 1)
    many = max(runs, key=operator.itemgetter("depth"))
    awake = (": a device that is still awake needs none" if one["doorbells"] < one["rings"] else
             ": each had one of its own")
    return [f"  One at a time, {one['rings']:,} rings took {one['doorbells']:,} doorbells{awake}.",
            f"  With {many['depth']} under way, {many['rings']:,} took {many['doorbells']:,} doorbells "
            f"and {many['interrupts']:,} interrupts: one stands for many.",
            "  Signals merge, requests don't: each is in shared memory, and was answered."]


class _Show:
    """Prints the guest's output as it arrives, and kills the device in between."""

    def __init__(self, lab: Lab, vm: Vm, restarts: int) -> None:
        self._lab, self._vm = lab, vm
        self._restarts = restarts  # those that are wanted, in a run of their own
        self._stdout, self._results = LineReader(), LineReader()
        self._text = ""  # the results so far
        self._kills = 0
        self._next_kill = 0.0
        self.figures: list[dict[str, Any]] = []
        print("Five rings, step by step: each hop, and when it was reached")

    def follow(self) -> None:
        """Call it repeatedly while the guest runs."""
        sys.stdout.write(self._stdout.text(self._vm.stdout.read()))
        messages.to_stderr(self._vm.stderr.read())
        for line in self._results.lines(self._vm.results.read()):
            self._text += f"{line}\n"
            self._show_line(line)
        sys.stdout.flush()
        self._lab.check()
        self._lab.check_logs()
        if self._kills_due():
            self._restart_device()

    def troubles(self) -> list[str]:
        """One line per fault of the results."""
        cases = ktap.parse(self._text)
        bad = [f"{case.name}: {case.reason}" for case in cases if case.outcome != "pass"]
        runs = RUNS + (1 if self._restarts else 0)
        if len(cases) < runs and not bad:
            bad.append(f"{len(cases)} of {runs} runs reported")
        if self._kills != self._restarts:
            bad.append(f"the device was restarted {self._kills} times, not {self._restarts}")
        return bad

    def restarts(self) -> int:
        return self._kills

    def lost_over_restarts(self) -> int | None:
        if len(self.figures) <= RUNS:
            return None
        last = self.figures[-1]
        return int(last["lost"] + last["rings"] - last["completions"])

    def recovered(self) -> dict[str, int]:
        """What had not come, and was replaced by a look of the module."""
        return {what: sum(figures[f"recovered_{what}"] for figures in self.figures)
                for what in ("doorbells", "interrupts")}

    def say_restarts(self) -> None:
        if self._kills:
            print(f"  {self.figures[-1]['rings']:,} requests over {self._kills} restarts, each "
                  "completed exactly once, in order:\n  the ring is in memory that outlives the "
                  "device, whose next life goes on where the last one ended")

    def _show_line(self, line: str) -> None:
        if line.startswith("KTAP") and not self.figures:
            print("\nMany rings with each worker of the module: one at a time, then up to 64 under "
                  f"way\n{TABLE.heading()}")
        elif line.startswith("# {"):
            self.figures.append(json.loads(line.removeprefix("# ")))
            if len(self.figures) <= RUNS:
                print(TABLE.row([self.figures[-1][key] for key in COLUMNS]))
            if len(self.figures) == RUNS:
                print("\n".join(explanation(self.figures)))
        elif line == "1..1" and len(self.figures) == RUNS and self._restarts:
            print("\nThe device is killed by SIGKILL in full traffic, and started again")
            self._plan_kill()

    def _kills_due(self) -> bool:
        return bool(self._next_kill) and time.monotonic() > self._next_kill

    def _plan_kill(self) -> None:
        more = self._kills < self._restarts
        self._next_kill = time.monotonic() + random.uniform(0.1, 0.3) if more else 0.0

    def _restart_device(self) -> None:
        device = self._lab.devices[0]
        old = device.pid
        device.kill()
        device.start()
        self._kills += 1
        print(f"  killed process {old}, started {device.pid}")
        self._plan_kill()
