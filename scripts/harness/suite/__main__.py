# SPDX-License-Identifier: BSD-3-Clause
"""Runs everything that this machine can run, or the levels that are named.

Each step prints one line when it is over; its log is in build/test. Steps run
side by side while they don't need more CPUs than there are. All results, with
the time that each step took, are in build/test-results.xml, as JUnit has it.
"""

import argparse
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from bellwire.commands import command_line
from bellwire.core.places import BUILD, HarnessError
from bellwire.report import results
from bellwire.report.results import Case, Usage
from . import build, here, inventory, jobs, levels, quick, schedule
from .levels import LEVELS, Chosen

RESULTS = BUILD / "test-results.xml"
SLOWEST = 5  # steps that the closing lines name


def main() -> int:
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    options = _options()
    if options.list is not None:
        print(*sorted(inventory.of_revision(options.list).elements()), sep="\n")
        return 0
    if options.compare:
        return _compare(*options.compare)
    options.report.parent.mkdir(parents=True, exist_ok=True)
    cases: list[Case] = []
    usage: dict[str, Usage] = {}
    began = jobs.Clock()
    try:
        chosen = _chosen(options)
        for case in _run_here(chosen, usage) if options.here else _run(chosen, usage):
            cases.append(case)
    finally:  # keeps what is known, if the run is ended early
        results.write(options.report, cases, usage)
    _close(cases, usage, began.usage())
    if options.save_times:
        schedule.save(usage)
    outcomes = {case.outcome for case in cases}
    return 0 if "pass" in outcomes and "fail" not in outcomes else 1


def _options() -> argparse.Namespace:
    known = "\n".join(f"  {name:<9}{level.what}" for name, level in LEVELS.items())
    parser = command_line.parser("test", __doc__, f"levels:\n{known}")
    parser.add_argument("level", nargs="*", help="which to run (default: all)")
    parser.add_argument("--step", metavar="TEXT", default="",
                        help="only the step of that name, or else those whose names have it")
    parser.add_argument("--quick", action="store_true",
                        help="only what tests the files that differ from the branch main: for "
                             "each commit")
    parser.add_argument("--shard", metavar="I/N", type=_shard,
                        help="only the part of machine I of N; together they run each step once")
    parser.add_argument("--report", metavar="FILE", type=Path, default=RESULTS,
                        help="for the results, as JUnit has it (default: %(default)s)")
    parser.add_argument("--here", action="store_true",
                        help="the steps run in this process, instead of one of their own each")
    parser.add_argument("--save-times", action="store_true",
                        help="write what each step took to scripts/harness/suite/times.json, by "
                             "which later runs are planned; on a quiet machine of two cores")
    parser.add_argument("--list", metavar="REVISION", nargs="?", const="",
                        help="run nothing; print the names of all tests in the sources, or in "
                             "those of a revision")
    parser.add_argument("--compare", metavar=("BEFORE", "AFTER"), nargs=2,
                        help="run nothing; print the tests that are lost and new between two "
                             "reports, lists or revisions; status 1 if any is lost")
    options = parser.parse_args()
    unknown = [name for name in options.level if name not in LEVELS]
    if unknown:
        parser.error(f"no level '{unknown[0]}': choose from {', '.join(LEVELS)}")
    return options


def _shard(text: str) -> tuple[int, int]:
    number, _, count = text.partition("/")
    if not number.isdecimal() or not count.isdecimal() or not 1 <= int(number) <= int(count):
        raise argparse.ArgumentTypeError(f"'{text}' is not I/N with I from 1 to N")
    return int(number), int(count)


def _compare(before: str, after: str) -> int:
    lost, new = inventory.compare(inventory.read(before), inventory.read(after))
    for word, names in (("lost", lost), ("new", new)):
        for name in names:
            print(f"{word}: {name}")
    print(f"{len(lost)} lost, {len(new)} new")
    return 1 if lost else 0


def _chosen(options: argparse.Namespace) -> Chosen:
    if options.quick:
        return levels.with_needs(quick.choose())
    chosen = levels.choose(options.level or levels.ALL, options.step)
    if not chosen:
        names = options.level or levels.ALL
        others = ", ".join(levels.having(options.step))
        steps = "; ".join(step.name for _, step in levels.choose(names))
        raise HarnessError(f"no step '{options.step}' in {', '.join(names)}: "
                           + (f"it is in {others}" if others else f"choose one of: {steps}"))
    if options.here:
        return chosen
    if options.shard:
        number, count = options.shard
        return levels.shard(chosen, number, count, schedule.load())
    return levels.with_needs(chosen)


def _run(chosen: Chosen, usage: dict[str, Usage]) -> Iterator[Case]:
    """All steps, each in a process of its own; a level that can't run is a skipped case."""
    missing = {name: LEVELS[name].missing() for name in {level for level, _ in chosen}}
    yield from (Case("all", "skip", why, suite=name) for name, why in missing.items() if why)
    able = [(level, step) for level, step in chosen if not missing[level]]
    for done in jobs.run(able, build.with_current(schedule.load()), _announce):
        usage[done.title] = done.usage
        if done.passed:
            build.trust(done.title)
        yield from _show(done)


def _run_here(chosen: Chosen, usage: dict[str, Usage]) -> Iterator[Case]:
    for level, step in chosen:
        name = levels.title(level, step)
        cases, usage[name] = here.run(step)
        yield from (case.inside(name) for case in cases)


def _announce(title: str) -> None:
    if sys.stdout.isatty():
        print(f"\r\x1b[K  …     {title}", end="", flush=True)
    elif title.startswith("build: "):  # nothing else that takes minutes runs alone
        print(f"  …     {title}", flush=True)


def _show(done: jobs.Done) -> Sequence[Case]:
    line = f"{done.usage.seconds:5.1f} s  {done.title}: " \
           f"{results.summary(done.cases, always=['pass'])}"
    print(f"\r\x1b[K{line}" if sys.stdout.isatty() else line, flush=True)
    for case in done.cases:
        if case.outcome == "fail":
            print(f"FAILED: {case.name}\n{case.reason}".rstrip(), flush=True)
    return [case.inside(done.title) for case in done.cases]


def _close(cases: Sequence[Case], usage: dict[str, Usage], whole: Usage) -> None:
    """What failed is named once more at the end, with the lines that say why, where even a log of
    which half is lost has them."""
    for case in cases:
        if case.outcome == "skip":
            print(f"skipped: {case.suite}: {case.name}: {case.reason}")
    for title in sorted(usage, key=lambda title: -usage[title].seconds)[:SLOWEST]:
        took = usage[title]
        print(f"slowest: {title}: {took.seconds:.0f} s, {took.cpu:.0f} s of CPU")
    for case in cases:
        if case.outcome == "fail":
            print("\n  ".join([f"failed: {case.suite}: {case.name}", *results.gist(case.reason)]))
    print(f"{results.summary(cases)} in {whole.seconds:.0f} s, "
          f"with {100 * whole.stolen:.0f} % of the CPU time stolen")


if __name__ == "__main__":
    sys.exit(main())
