# SPDX-License-Identifier: BSD-3-Clause
"""Runs steps, each in a process of its own: whatever a step does, it ends as its cases.

A step that fails an assertion, is killed, leaves half a report or passes its
limit is a failed case with the end of its log, and the others go on. All that a
step started has its mark in the environment, and is killed when the step is over.
"""

import os
import signal
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from harness.core.children import Child, describe
from harness.core.places import ROOT
from . import results
from .results import Case, Unreadable
from .step import LOGS, Step, end

TOGETHER = min(2, os.cpu_count() or 1)  # a VM and its device keep a CPU busy, and half of another
GRACE = 30.0  # seconds to end its VMs
POLL = 0.05
MARK = "BELLWIRE_STEP"
START = ROOT / "scripts/harness/start.py"

Started = Callable[[str], None]  # is called with a step's title when it starts


@dataclass
class _Job:
    title: str
    step: Step
    child: Child
    report: Path
    mark: str
    began: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began

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


def run(steps: Sequence[tuple[str, Step]], together: bool, started: Started
        ) -> Iterator[tuple[str, list[Case], float]]:
    """For each level's step: its title, its cases and the seconds it took; as they end."""
    alone = [(level, step) for level, step in steps if step.alone or not together]
    others = [(level, step) for level, step in steps if not step.alone and together]
    yield from _run(alone, 1, started)
    yield from _run(others, TOGETHER, started)


def _run(steps: Sequence[tuple[str, Step]], most: int, started: Started
         ) -> Iterator[tuple[str, list[Case], float]]:
    waiting = list(steps)
    running: list[_Job] = []
    try:
        while waiting or running:
            while waiting and len(running) < most:
                running.append(_start(*waiting.pop(0)))
                started(running[-1].title)
            for job in [job for job in running if job.over()]:
                running.remove(job)
                yield job.title, _cases(job), job.seconds
            time.sleep(POLL)
    finally:
        for job in running:
            job.stop()


def _start(level: str, step: Step) -> _Job:
    name = f"{level}-{step.name.replace(' ', '-')}"
    report, log = LOGS / f"{name}.xml", LOGS / f"{name}.log"
    LOGS.mkdir(parents=True, exist_ok=True)
    for old in (report, log):
        old.unlink(missing_ok=True)
    mark = uuid.uuid4().hex
    child = Child(["/usr/bin/env", f"{MARK}={mark}", *_argv(level, step, report)], log)
    return _Job(f"{level}: {step.name}", step, child, report, mark)


def _argv(level: str, step: Step, report: Path) -> list[str]:
    return [sys.executable, str(START), "suite", level, "--step", step.name, "--here",
            "--report", str(report)]


def _cases(job: _Job) -> list[Case]:
    """What it reported, and what else went wrong with it."""
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
