# SPDX-License-Identifier: BSD-3-Clause
"""Fuzzes the parsers and rings of the tree with libFuzzer, as long as you like.

A target begins with its corpus in the tree and what earlier runs kept in build/fuzz, and ends after
SECONDS, or with its first finding. As many run side by side as there are CPUs.

Exit status: 0 nothing was found; 1 something was; 2 wrong usage.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence

from bellwire.commands import command_line, fuzz_run
from bellwire.commands.fuzz_run import Outcome, Run
from bellwire.commands.fuzz_targets import TARGETS, Target
from bellwire.core import children
from bellwire.core.places import ROOT, AlreadySaid
from bellwire.report.figures import Column, TextTable

SECONDS = 60
LONGEST = 30 * 24 * 3600
TABLE = TextTable([
    Column("target", 14, left=True), Column("executions", 12), Column("per second", 10),
    Column("edges at start", 8), Column("at end", 8), Column("new inputs", 7), Column("findings", 8)])
Begin = Callable[[Target, int], Run]


def main(argv: Sequence[str]) -> int:
    command_line.exit_on_signals()
    options = parse(argv)
    if options.list:
        for target in TARGETS.values():
            print(f"{target.name:14}  {target.what}")
        return 0
    chosen = list(TARGETS.values()) if options.target == "all" else [TARGETS[options.target]]
    build(chosen)
    if options.merge:
        return merge(chosen)
    return Campaign(Run).run(chosen, options.seconds, options.jobs)


def parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = command_line.parser("fuzz", __doc__)
    parser.add_argument("target", nargs="?", metavar="TARGET", default="all",
                        help="one of those that --list prints, or all (default)")
    parser.add_argument("seconds", nargs="?", metavar="SECONDS", type=int,
                        help=f"for each target (default: {SECONDS})")
    parser.add_argument("--list", action="store_true", help="print the targets, and end")
    parser.add_argument("--merge", action="store_true",
                        help="don't fuzz: add those inputs of build/fuzz to the tree's corpus that reach "
                             f"new code, up to {fuzz_run.MOST_FILES} files of "
                             f"{fuzz_run.MOST_BYTES} bytes")
    parser.add_argument("--jobs", type=int, default=cpus(), metavar="N",
                        help="how many targets at once (default: one per CPU)")
    options = parser.parse_args(argv)
    if options.target != "all" and options.target not in TARGETS:
        parser.error(f"there is no target '{options.target}': choose all, {', '.join(TARGETS)}")
    if options.merge and options.seconds is not None:
        parser.error(f"--merge takes no SECONDS, but was given {options.seconds}: fuzz first")
    options.seconds = SECONDS if options.seconds is None else options.seconds
    if not 1 <= options.seconds <= LONGEST:
        parser.error(f"SECONDS {options.seconds}: choose 1 to {LONGEST}")
    command_line.check_number(parser, options, "jobs", 1, 1000)
    return options


def cpus() -> int:
    return len(os.sched_getaffinity(0))


def build(chosen: Sequence[Target]) -> None:
    if children.run_aloud(ROOT / "scripts/build", "--preset", "asan",
                          *(target.target for target in chosen)):
        raise AlreadySaid


class Campaign:
    """Runs targets in turn, and prints a row for each that has ended. One of the signals that end us
    ends those under way, whose rows are printed as well."""

    def __init__(self, begin: Begin) -> None:
        self._begin = begin
        self._under_way: list[Run] = []
        self._findings = 0

    def run(self, chosen: Sequence[Target], seconds: int, jobs: int) -> int:
        print(f"{seconds} s for each target, {min(jobs, len(chosen))} at a time\n{TABLE.heading()}",
              flush=True)
        try:
            self._run(list(chosen), seconds, jobs)
        finally:
            self._end()
        return 1 if self._findings else 0

    def _run(self, waiting: list[Target], seconds: int, jobs: int) -> None:
        while waiting or self._under_way:
            while waiting and len(self._under_way) < jobs:
                self._under_way.append(self._begin(waiting.pop(0), seconds))
            for run in [run for run in self._under_way if run.ended(0.2)]:
                self._report(run)

    def _end(self) -> None:
        while self._under_way:
            self._under_way[0].stop()
            self._report(self._under_way[0])

    def _report(self, run: Run) -> None:
        self._under_way.remove(run)
        outcome = run.outcome()
        self._findings += bool(outcome.finding)
        print(row(run.target, outcome), flush=True)


def row(target: Target, outcome: Outcome) -> str:
    line = TABLE.row([target.name, outcome.executions, outcome.per_second, outcome.edges_at_start,
                      outcome.edges_at_end, outcome.new_inputs, int(bool(outcome.finding))])
    return f"{line}\n  {outcome.finding}" if outcome.finding else line


def merge(chosen: Sequence[Target]) -> int:
    for target in chosen:
        taken, left = fuzz_run.merge(target)
        more = f"; {left} more would, but a corpus has {fuzz_run.MOST_FILES} files" if left else ""
        print(f"{target.name:14}  {taken} new inputs reach new code{more}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
