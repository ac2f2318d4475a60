# SPDX-License-Identifier: BSD-3-Clause
"""Runs steps, each in a process of its own, so that every step ends as a list of cases.

The processes are forked, since to import the harness takes each of them 0.4 s.
A step that fails an assertion, is killed, leaves half a report or passes its
limit is a failed case with the end of its log, and the others go on. All that a
step started has its mark in the environment, and is killed when the step is over.
"""

import os
import signal
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from bellwire.core.children import Child, describe
from bellwire.core.forks import Fork
from bellwire.core.host import CpuTime
from bellwire.report import results
from bellwire.report.results import Case, Unreadable, Usage
from . import here, schedule
from .schedule import Costs
from .step import LOGS, Step, end

GRACE = 30.0  # seconds to end its VMs
POLL = 0.05
MARK = "BELLWIRE_STEP"

Started = Callable[[str], None]  # is called with a step's title when it starts


class Clock:
    """The time since it was created, and the CPU time that other machines took meanwhile."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._machine = CpuTime.now()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    def usage(self, cpu: float = 0.0) -> Usage:
        return Usage(self.seconds, cpu, CpuTime.now().share_stolen_since(self._machine))


@dataclass
class _Job:
    title: str
    step: Step
    child: Child
    report: Path
    mark: str
    clock: Clock = field(default_factory=Clock)

    @property
    def seconds(self) -> float:
        return self.clock.seconds

    def usage(self) -> Usage:
        """Its CPU seconds are those that its process reported, if it came to that."""
        with suppress(Unreadable, KeyError):
            return self.clock.usage(results.read_usage(self.report)[self.title].cpu)
        return self.clock.usage()

    def over(self) -> bool:
        """It ended, or is made to."""
        if self.child.status is None and self.seconds < self.step.limit:
            return False
        self.stop()
        return True

    def stop(self) -> None:
        if self.child.status is None:
            self.child.stop(GRACE)
        _kill_marked(self.mark)


@dataclass(frozen=True)
class Done:
    """A step that is over."""

    title: str
    cases: list[Case]
    usage: Usage

    @property
    def passed(self) -> bool:
        return all(case.outcome != "fail" for case in self.cases)


def title(level: str, step: Step) -> str:
    return f"{level}: {step.name}"


class _Run:
    """Which steps wait, run and are over."""

    def __init__(self, steps: Sequence[tuple[str, Step]], costs: Costs, started: Started) -> None:
        self._steps = {title(level, step): (level, step) for level, step in steps}
        self._needs = {name: [need for need in step.needs if need in self._steps]
                       for name, (_, step) in self._steps.items()}
        self._costs = costs
        self._started = started
        self._waiting = schedule.first_things_first(self._needs, costs)
        self._running: dict[str, _Job] = {}
        self._well: dict[str, bool] = {}  # those that are over: whether they passed

    def until_over(self) -> Iterator[Done]:
        try:
            while self._waiting or self._running:
                yield from self._refuse()
                self._start_more()
                yield from self._collect()
                time.sleep(POLL)
        finally:
            for job in self._running.values():
                job.stop()

    def _refuse(self) -> Iterator[Done]:
        for name in list(self._waiting):
            failed = [need for need in self._needs[name] if not self._well.get(need, True)]
            if failed:
                self._waiting.remove(name)
                case = Case(self._steps[name][1].name, "fail",
                            f"not run, because this failed: {', '.join(failed)}")
                yield Done(name, [case], Usage(0))

    def _start_more(self) -> None:
        while name := schedule.fitting(self._ready(), list(self._running), self._costs):
            self._waiting.remove(name)
            self._running[name] = _start(*self._steps[name])
            self._started(name)

    def _ready(self) -> list[str]:
        return [name for name in self._waiting
                if all(need in self._well for need in self._needs[name])]

    def _collect(self) -> Iterator[Done]:
        for name, job in list(self._running.items()):
            if job.over():
                del self._running[name]
                done = Done(name, _cases(job), job.usage())
                self._well[name] = done.passed
                yield done


def run(steps: Sequence[tuple[str, Step]], costs: Costs, started: Started) -> Iterator[Done]:
    """Runs all of them, as many side by side as fit the machine; yields them as they end. A step
    whose need failed is a failed case, and doesn't run."""
    return _Run(steps, costs, started).until_over()


def _start(level: str, step: Step) -> _Job:
    name = f"{level}-{step.name.replace(' ', '-')}"
    report, log = LOGS / f"{name}.xml", LOGS / f"{name}.log"
    LOGS.mkdir(parents=True, exist_ok=True)
    for old in (report, log):
        old.unlink(missing_ok=True)
    mark = uuid.uuid4().hex
    child = Fork(partial(_work, title(level, step), step, report, mark), log)
    return _Job(title(level, step), step, child, report, mark)


def _work(name: str, step: Step, report: Path, mark: str) -> int:
    os.environ[MARK] = mark
    here.report(name, step, report)
    return 0


def _cases(job: _Job) -> list[Case]:
    """The cases that it reported, and one for whatever else went wrong."""
    try:
        cases = results.read(job.report)
        trouble = "" if cases else "it reported no test"
    except Unreadable as error:
        cases, trouble = [], str(error)
    if job.seconds >= job.step.limit:
        trouble = f"still ran after {job.step.limit:g} s"
    failed = any(case.outcome == "fail" for case in cases)
    if trouble or job.child.status and not failed:
        reason = f"{end(job.child.log)}\n{trouble or 'no case failed, but'}; its process " \
                 f"{describe(job.child.status or 0)}; log: {job.child.log}"
        cases = [*cases, Case(job.step.name, "fail", reason)]
    return cases


def _kill_marked(mark: str) -> None:
    """All that have it in their environment. They may start others meanwhile."""
    while found := _marked(mark):
        for pid in found:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(POLL)


def _marked(mark: str) -> list[int]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has just ended, or it is somebody else's
            if f"{MARK}={mark}".encode() in (process / "environ").read_bytes().split(b"\0"):
                found.append(int(process.name))
    return found
