# SPDX-License-Identifier: BSD-3-Clause
"""Runs a step in this process: its cases, and the time that it took."""

import os
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from bellwire.core.places import HarnessError
from bellwire.report import results
from bellwire.report.results import Case, Usage
from .step import Failed, Skipped, Step


def run(step: Step) -> tuple[Sequence[Case], Usage]:
    began, cpu = time.monotonic(), _cpu()
    cases = _run(step)
    return cases, Usage(time.monotonic() - began, _cpu() - cpu)


def report(title: str, step: Step, to: Path) -> None:
    """Runs it and writes its report."""
    cases, usage = run(step)
    results.write(to, [case.inside(title) for case in cases], {title: usage})


def _run(step: Step) -> Sequence[Case]:
    """Its cases; a step that fails as a whole, for any reason, is a failed case."""
    try:
        return step.run() or [Case(step.name, "fail", "no test ran")]
    except Skipped as reason:
        return [Case(step.name, "skip", str(reason))]
    except (Failed, HarnessError) as reason:
        return [Case(step.name, "fail", str(reason))]
    except Exception:
        return [Case(step.name, "fail", traceback.format_exc())]


def _cpu() -> float:
    """Seconds, of this process and of all its children that ended."""
    return sum(os.times()[:4])
