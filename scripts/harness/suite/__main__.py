# SPDX-License-Identifier: BSD-3-Clause
"""Runs everything that this machine can run, or the levels that are named.

Each step prints one line; its log is in build/test. Steps that wait more than
they work run side by side. All results are in build/test-results.xml, as JUnit
has it.
"""

import argparse
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from harness.core.places import BUILD, HarnessError
from . import fuzz, host, install, jobs, lint, results, vm
from .results import Case
from .step import Failed, Skipped, Step


@dataclass(frozen=True)
class Level:
    what: str
    steps: tuple[Step, ...]
    missing: Callable[[], str] = lambda: ""  # why it can't run
    side_by_side: bool = False


LEVELS = {
    "lint": Level("style, licences, clang-tidy, sparse", lint.STEPS),
    "host": Level("level 0: programs; the library under ASan + UBSan, TSan", host.STEPS),
    "install": Level("the installed library, and the example that uses it", install.STEPS),
    "fuzz": Level("hostile input, a minute", fuzz.STEPS, side_by_side=True),
    "vm": Level("level 2: QEMU, Debian's kernel, our module", vm.STEPS, vm.missing,
                side_by_side=True),
    "nested": Level("level 3: QEMU on real KVM, in an emulated host", vm.NESTED, vm.missing,
                    side_by_side=True),
}
RESULTS = BUILD / "test-results.xml"


def main() -> int:
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    options = _options()
    names = options.level or list(LEVELS)
    options.report.parent.mkdir(parents=True, exist_ok=True)
    cases: list[Case] = []
    try:
        for together, group in groupby(names, lambda name: LEVELS[name].side_by_side):
            for case in run(list(group), options.step, together, options.here):
                cases.append(case)
    finally:  # what is known when somebody ends us is worth keeping
        results.write(options.report, cases)
    for case in cases:
        if case.outcome == "skip":
            print(f"skipped: {case.suite}: {case.name}: {case.reason}")
    print(results.summary(cases))
    outcomes = {case.outcome for case in cases}
    return 0 if "pass" in outcomes and "fail" not in outcomes else 1


def _options() -> argparse.Namespace:
    levels = "\n".join(f"  {name:<9}{level.what}" for name, level in LEVELS.items())
    parser = argparse.ArgumentParser(
        prog="test", description=__doc__, epilog=f"levels:\n{levels}",
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("level", nargs="*", help="which to run (default: all)")
    parser.add_argument("--step", metavar="TEXT", default="",
                        help="only the step of that name, or else those whose names have it")
    parser.add_argument("--report", metavar="FILE", type=Path, default=RESULTS,
                        help="for the results, as JUnit has it (default: %(default)s)")
    parser.add_argument("--here", action="store_true",
                        help="the steps run in this process, instead of one of their own each")
    options = parser.parse_args()
    unknown = [name for name in options.level if name not in LEVELS]
    if unknown:
        parser.error(f"no level '{unknown[0]}': choose from {', '.join(LEVELS)}")
    return options


def run(names: Sequence[str], only: str, together: bool, here: bool) -> Iterator[Case]:
    """All steps of these levels, one after the other or side by side."""
    steps: list[tuple[str, Step]] = []
    for name in names:
        chosen = _choose(LEVELS[name].steps, only)
        missing = LEVELS[name].missing() if chosen else ""
        if missing:
            yield Case("all", "skip", missing, suite=name)
        else:
            steps += [(name, step) for step in chosen]
    if here:
        for name, step in steps:
            yield from (case.inside(f"{name}: {step.name}") for case in run_step(step))
        return
    for title, cases, seconds in jobs.run(steps, together, _announce):
        yield from _show(title, cases, seconds)


def _choose(steps: Sequence[Step], only: str) -> list[Step]:
    return [step for step in steps if step.name == only] or \
           [step for step in steps if only in step.name]


def _announce(title: str) -> None:
    if sys.stdout.isatty():
        print(f"\r\x1b[K  …     {title}", end="", flush=True)


def _show(title: str, cases: Sequence[Case], seconds: float) -> Sequence[Case]:
    line = f"{seconds:5.1f} s  {title}: {results.summary(cases, always=['pass'])}"
    print(f"\r\x1b[K{line}" if sys.stdout.isatty() else line, flush=True)
    for case in cases:
        if case.outcome == "fail":
            print(f"FAILED: {case.name}\n{case.reason}".rstrip(), flush=True)
    return [case.inside(title) for case in cases]


def run_step(step: Step) -> Sequence[Case]:
    """Its cases, one of which says so if it fails as a whole, however it does."""
    try:
        return step.run() or [Case(step.name, "fail", "no test ran")]
    except Skipped as reason:
        return [Case(step.name, "skip", str(reason))]
    except (Failed, HarnessError) as reason:
        return [Case(step.name, "fail", str(reason))]
    except Exception:
        return [Case(step.name, "fail", traceback.format_exc())]


if __name__ == "__main__":
    sys.exit(main())
