# SPDX-License-Identifier: BSD-3-Clause
"""Writes the list and the runs of docs/scenarios.md, between its marks, from runs."""

import json
import subprocess
import sys
from collections.abc import Sequence

from bellwire.commands import command_line
from bellwire.core.places import PROGRAM, ROOT, replace_file
from bellwire.report import marked

DOC = ROOT / "docs/scenarios.md"


def main(argv: Sequence[str]) -> int:
    command_line.parser("scenario-pages", __doc__).parse_args(argv)
    page = DOC.read_text()
    for name, printed in outputs().items():
        page = marked.replaced(page, name, fenced(printed))
    replace_file(DOC, page.encode())
    return 0


def outputs() -> dict[str, str]:
    """What is printed for each mark of the page."""
    names = [scenario["scenario"] for scenario in json.loads(scenario("list", "--json"))]
    return {"list": scenario("list")} | {name: runs(scenario("run", name)) for name in names}


def scenario(*words: str) -> str:
    return subprocess.run([PROGRAM, "scenario", *words], stdout=subprocess.PIPE, text=True,
                          check=True).stdout


def runs(printed: str) -> str:
    """The runs alone: the page says in its own words what else is printed."""
    return printed[:printed.rindex("\n\n") + 1]


def fenced(lines: str) -> str:
    return f"```\n{lines}```\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
