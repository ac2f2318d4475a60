# SPDX-License-Identifier: BSD-3-Clause
"""Runs steps that wait more than they work: several at a time, each in a process of its own."""

import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..children import Child, describe
from . import results
from .results import Case
from .step import LOGS, Step, end

JOBS = min(2, os.cpu_count() or 1)  # a VM and its device keep a CPU busy, and a half of one
GRACE = 30.0  # seconds to end its VMs
POLL = 0.05


@dataclass(frozen=True)
class _Job:
    title: str
    child: Child
    report: Path
    began: float


def run(steps: Sequence[tuple[str, Step]]) -> Iterator[tuple[str, list[Case], float]]:
    """Of each level's step: its title, its cases and the seconds it took; as they end."""
    for level, step in steps:
        if step.alone:
            yield from _run([(level, step)])
    yield from _run([(level, step) for level, step in steps if not step.alone])


def _run(steps: Sequence[tuple[str, Step]]) -> Iterator[tuple[str, list[Case], float]]:
    waiting = list(steps)
    running: list[_Job] = []
    try:
        while waiting or running:
            while waiting and len(running) < JOBS:
                running.append(_start(*waiting.pop(0)))
            for job in [job for job in running if job.child.status is not None]:
                running.remove(job)
                yield job.title, _cases(job), time.monotonic() - job.began
            time.sleep(POLL)
    finally:
        for job in running:
            job.child.stop(GRACE)


def _start(level: str, step: Step) -> _Job:
    name = f"{level}-{step.name.replace(' ', '-')}"
    report, log = LOGS / f"{name}.xml", LOGS / f"{name}.log"
    LOGS.mkdir(parents=True, exist_ok=True)
    for old in (report, log):
        old.unlink(missing_ok=True)
    argv = [sys.executable, "-m", __package__, level, "--step", step.name, "--report", str(report)]
    return _Job(f"{level}: {step.name}", Child(argv, log), report, time.monotonic())


def _cases(job: _Job) -> list[Case]:
    """What it reported. It may have died before it could, or without saying why."""
    cases = results.read(job.report) if job.report.exists() else []
    failed = any(case.outcome == "fail" for case in cases)
    if job.child.status and not failed or not cases:
        return [*cases, Case(job.title, "fail", f"{end(job.child.log)}\nits tests' process "
                                               f"{describe(job.child.status)}")]
    return cases
