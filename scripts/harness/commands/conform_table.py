# SPDX-License-Identifier: BSD-3-Clause
"""Writes the table of docs/vhost-user.md from runs of `bellwire conform vhost-user --json FILE`.

Each NAME=FILE is a column: what was tried, and the run's file. The columns are those of this call;
runs of other programs need not be repeated if their files were kept.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bellwire.commands import command_line
from bellwire.core.places import ROOT, HarnessError, replace_file
from bellwire.report import marked
from bellwire.report.marked import plain, row

DOC = ROOT / "docs/vhost-user.md"
SHOWN = {"pass": "pass", "fail": "**fail**", "n/a": "n/a", "untried": "untried"}


def main(argv: Sequence[str]) -> int:
    parser = command_line.parser("conform-table", __doc__)
    parser.add_argument("runs", nargs="+", metavar="NAME=FILE", help="a column of the table")
    options = parser.parse_args(argv)
    runs = dict(map(read, options.runs))
    replace_file(DOC, marked.replaced(DOC.read_text(), "conform", table(runs)).encode())
    return 0


def read(argument: str) -> tuple[str, dict[str, Any]]:
    name, equals, path = argument.partition("=")
    if not equals:
        raise HarnessError(f"'{argument}' is not NAME=FILE")
    try:
        return name, json.loads(Path(path).read_text())
    except (OSError, ValueError) as error:
        raise HarnessError(f"cannot read the run '{path}': {error}") from error


def table(runs: dict[str, dict[str, Any]]) -> str:
    statements = {entry["statement"]: entry for run in runs.values()
                  for entry in run["statements"]}
    heads = ["", "a back-end …", "source", *runs]
    lines = [row(heads), row(["--:", "---", "---", *("---" for _ in runs)])]
    lines += [row([str(number), statements[number]["says"], statements[number]["source"],
                   *(verdict(run, number) for run in runs.values())])
              for number in sorted(statements)]
    return "\n".join(lines) + "\n\n" + "\n".join(map(findings, runs, runs.values()))


def verdict(run: dict[str, Any], number: int) -> str:
    found = [entry["verdict"] for entry in run["statements"] if entry["statement"] == number]
    return SHOWN[found[0]] if found else ""


def findings(name: str, run: dict[str, Any]) -> str:
    """What one program was seen to do, below the table."""
    counts = run["counts"]
    lines = [f"**{name}**, {run['device']}: {counts['pass']} pass, {counts['fail']} fail, "
             f"{counts['n/a']} not applicable, {counts['untried']} not tried.", ""]
    lines += [f"* {entry['statement']}, {SHOWN[entry['verdict']].strip('*')}: "
              f"{plain(entry['reason'])}"
              for entry in run["statements"] if entry["verdict"] in ("fail", "untried")]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
