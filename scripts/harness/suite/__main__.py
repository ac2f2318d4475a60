# SPDX-License-Identifier: BSD-3-Clause
"""Runs everything that this machine can run, or the levels that are named.

Each step tells one line; what it printed is in build/test. All results are in
build/test-results.xml, as JUnit has it.
"""

import argparse
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from ..places import BUILD, HarnessError
from . import fuzz, host, install, lint, results, vm
from .results import Case
from .step import Failed, Skipped, Step


@dataclass(frozen=True)
class Level:
    what: str
    steps: tuple[Step, ...]
    missing: Callable[[], str] = lambda: ""  # why it can't run


LEVELS = {
    "lint": Level("style, licences, clang-tidy, sparse", lint.STEPS),
    "host": Level("level 0: the library and programs; plain, ASan + UBSan, TSan", host.STEPS),
    "fuzz": Level("hostile input, some seconds", fuzz.STEPS),
    "install": Level("the installed library, and the example that uses it", install.STEPS),
    "vm": Level("level 2: QEMU, Debian's kernel, our module", vm.STEPS, vm.missing),
    "nested": Level("level 3: QEMU on real KVM, in an emulated host", vm.NESTED, vm.missing),
}
RESULTS = BUILD / "test-results.xml"


def main() -> int:
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    names, only = _options()
    cases = [case for name in names for case in run_level(name, only)]
    RESULTS.parent.mkdir(exist_ok=True)
    results.write(RESULTS, cases)
    for case in cases:
        if case.outcome == "skip":
            print(f"skipped: {case.suite}: {case.name}: {case.reason}")
    print(results.tell(cases))
    outcomes = {case.outcome for case in cases}
    return 0 if "pass" in outcomes and "fail" not in outcomes else 1


def _options() -> tuple[list[str], str]:
    levels = "\n".join(f"  {name:<9}{level.what}" for name, level in LEVELS.items())
    parser = argparse.ArgumentParser(
        prog="test", description=__doc__, epilog=f"levels:\n{levels}",
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("level", nargs="*", help="which to run (default: all)")
    parser.add_argument("--step", metavar="TEXT", default="",
                        help="only the steps whose names have it")
    options = parser.parse_args()
    unknown = [name for name in options.level if name not in LEVELS]
    if unknown:
        parser.error(f"no level '{unknown[0]}': choose from {', '.join(LEVELS)}")
    return options.level or list(LEVELS), options.step


def run_level(name: str, only: str) -> Iterator[Case]:
    level = LEVELS[name]
    steps = [step for step in level.steps if only in step.name]
    missing = level.missing() if steps else ""
    if missing:
        yield Case("all", "skip", missing, suite=name)
        return
    for step in steps:
        yield from run_step(f"{name}: {step.name}", step)


def run_step(title: str, step: Step) -> Sequence[Case]:
    terminal = sys.stdout.isatty()
    if terminal:
        print(f"  …     {title}", end="", flush=True)
    began = time.monotonic()
    cases = [case.inside(title) for case in _cases(step)]
    line = f"{time.monotonic() - began:5.1f} s  {title}: {results.tell(cases, always=['pass'])}"
    print(f"\r\x1b[K{line}" if terminal else line, flush=True)
    for case in cases:
        if case.outcome == "fail":
            print(f"FAILED: {case.name}\n{case.reason}".rstrip(), flush=True)
    return cases


def _cases(step: Step) -> Sequence[Case]:
    try:
        return step.run() or [Case(step.name, "fail", "no test ran")]
    except Skipped as reason:
        return [Case(step.name, "skip", str(reason))]
    except (Failed, HarnessError) as reason:
        return [Case(step.name, "fail", str(reason))]


if __name__ == "__main__":
    sys.exit(main())
