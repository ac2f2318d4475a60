# SPDX-License-Identifier: BSD-3-Clause
"""Measures what the wires cost, each way beside others in one run, and beside bare loops.

Ratios are what counts: they compare within a round, and have the middle half of
the rounds with them; differences within it mean nothing.
"""

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.bench import page, results
from harness.bench.suite import ROUNDS
from harness.bench.suites import SUITES, choose, measure
from harness.core.places import replace_file


def main(argv: Sequence[str]) -> int:
    options = _options(argv)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    names, missing = choose(options.suite)
    measured: list[dict[str, Any]] = []
    failed: dict[str, str] = {}
    for name, result in measure(names, options):
        if isinstance(result, str):
            failed[name] = result
        else:
            measured.append(result)
        # After each: what is measured stays measured, whatever becomes of those to come.
        run = results.collect(measured, missing | failed)
        if options.json:
            results.write_json(options.json, run)
    if options.page:
        replace_file(options.page, page.page(run).encode())
    if options.docs and not failed:
        results.write_docs(run)
    missed = results.missed(run) if options.check else []
    for line in missed:
        print(f"bench: over its limit: {line}", file=sys.stderr)
    if options.check and not run["ratios"]:
        print("bench: --check: nothing was measured that has a limit", file=sys.stderr)
        return 1
    return 1 if failed or missed else 0


def _suite(name: str) -> str:
    if name not in SUITES:
        raise argparse.ArgumentTypeError(f"there is no '{name}', but {', '.join(SUITES)}")
    return name


def _options(argv: Sequence[str]) -> argparse.Namespace:
    suites = "\n".join(f"  {name:<11}{suite.what}{'' if suite.usual else ' (only when named)'}"
                       for name, suite in SUITES.items())
    parser = argparse.ArgumentParser(prog="bench", description=__doc__, epilog=f"suites:\n{suites}",
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suite", nargs="*", type=_suite, metavar="SUITE",
                        help="what to measure (default: all that needn't be named)")
    parser.add_argument("--rounds", type=int, metavar="N", help="how often each is measured "
                        f"(default: 20, in VMs {ROUNDS})")
    parser.add_argument("--count", type=int, default=10_000, metavar="N",
                        help="in VMs: rings one at a time, of each in each round (default: 10000)")
    parser.add_argument("--skip", default="", metavar="TEXT",
                        help="outside of VMs: leave out rows with this in their name")
    parser.add_argument("--json", type=Path, metavar="FILE", help="writes the figures there")
    parser.add_argument("--page", type=Path, metavar="FILE", help="writes a page with plots there")
    parser.add_argument("--docs", action="store_true",
                        help="writes the table of docs/performance.md, and the figures beside it; "
                        "not if a suite failed")
    parser.add_argument("--check", action="store_true",
                        help="exit status 1 if a ratio is over its limit")
    options = parser.parse_args(argv)
    for name, most in (("rounds", 1000), ("count", 10_000_000)):
        value = getattr(options, name)
        if value is not None and not 1 <= value <= most:
            parser.error(f"--{name} {value}: choose 1 to {most}")
    for name in ("json", "page"):
        path = getattr(options, name)
        if path and not path.absolute().parent.is_dir():
            parser.error(f"--{name} {path}: there is no such folder")
    return options


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
