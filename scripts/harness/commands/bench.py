# SPDX-License-Identifier: BSD-3-Clause
"""Measures what the wires cost, beside each other and beside bare loops that do the same.

Look at the ratios: each compares two ways within a round, and is printed with
the middle half of its rounds. Differences smaller than that mean nothing.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bellwire.bench import page, results
from bellwire.bench.suite import ROUNDS
from bellwire.bench.suites import SUITES, choose, measure
from bellwire.commands import command_line
from bellwire.core.places import replace_file


def main(argv: Sequence[str]) -> int:
    options = _options(argv)
    command_line.exit_on_signals()
    names, missing = choose(options.suite)
    measured: list[dict[str, Any]] = []
    failed: dict[str, str] = {}
    for name, result in measure(names, options):
        if isinstance(result, str):
            failed[name] = result
        else:
            measured.append(result)
        # After each suite, so that its figures are kept if a later one fails.
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
        print("bench: --check: no ratio that was measured has a limit", file=sys.stderr)
        return 1
    return 1 if failed or missed else 0


def _suite(name: str) -> str:
    if name not in SUITES:
        raise argparse.ArgumentTypeError(f"no suite '{name}': choose from {', '.join(SUITES)}")
    return name


def _options(argv: Sequence[str]) -> argparse.Namespace:
    suites = "\n".join(f"  {name:<11}{suite.what}{'' if suite.usual else ' (only when named)'}"
                       for name, suite in SUITES.items())
    parser = command_line.parser("bench", __doc__, f"suites:\n{suites}")
    parser.add_argument("suite", nargs="*", type=_suite, metavar="SUITE",
                        help="what to measure (default: all but those marked below)")
    parser.add_argument("--rounds", type=int, metavar="N", help="how often each way is measured "
                        f"(default: 20, in VMs {ROUNDS})")
    parser.add_argument("--count", type=int, default=10_000, metavar="N",
                        help="in VMs: rings one at a time, per way and round (default: 10000)")
    parser.add_argument("--skip", default="", metavar="TEXT",
                        help="outside VMs: leave out rows whose name contains TEXT")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to FILE")
    parser.add_argument("--page", type=Path, metavar="FILE", help="write a page of charts to FILE")
    parser.add_argument("--docs", action="store_true",
                        help="write these suites' tables in docs/performance.md, and the figures "
                        "beside it, unless a suite failed")
    parser.add_argument("--check", action="store_true",
                        help="exit with status 1 if a ratio is over its limit")
    options = parser.parse_args(argv)
    command_line.check_number(parser, options, "rounds", 1, 1000)
    command_line.check_number(parser, options, "count", 1, 10_000_000)
    command_line.check_folders(parser, options, "json", "page")
    return options


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
