# SPDX-License-Identifier: BSD-3-Clause
"""The table in docs/performance.md: made of the run whose results stand beside it, never typed."""

import json
import re

from harness.bench import results
from harness.core.places import ROOT
from harness.report.tables import number

PAGE, DATA = ROOT / "docs/performance.md", ROOT / "docs/performance.json"
BEGIN, END = "<!-- figures -->\n", "<!-- /figures -->\n"
VERDICTS = {None: "", True: "kept", False: "**missed**"}


def write(run: dict) -> None:
    results.write(DATA, run)
    PAGE.write_text(with_figures(PAGE.read_text(), run))


def read() -> dict:
    return json.loads(DATA.read_text())


def with_figures(text: str, run: dict) -> str:
    """`text` with the run's figures between its marks."""
    before, _, rest = text.partition(BEGIN)
    return before + BEGIN + figures(run) + END + rest.partition(END)[2]


def figures(run: dict) -> str:
    machine = run["machine"]
    told = [f"{run['date']}, {machine['cpus']} CPUs, {machine['cpu']}, {machine['kernel']}."]
    told += [f"Without `{name}`: {reason}." for name, reason in run["left_out"].items()]
    suites = (suite(result) for result in run["suites"] if result["ratios"])
    return "\n\n".join([" ".join(told), *suites]) + "\n"


def suite(result: dict) -> str:
    machine = result["machine"]
    on = [machine["accelerator"]]
    if "qemu" in machine:
        on += [f"QEMU {machine['qemu']}", f"kernel {machine['guest_kernel']} on "
               f"{machine['guest_cpus']} CPU"]
    if "stolen" in machine:
        on += [f"{machine['stolen']} of the CPU time stolen"]
    rows = "\n".join(map(row, result["ratios"]))
    return (f"**`{result['suite']}`**: {result['what']} ({', '.join(on)}; {result['rounds']} "
            "rounds).\n\n| ratio | | spread | at most | |\n|---|--:|--:|--:|---|\n" + rows)


def row(ratio: dict) -> str:
    spread = " … ".join(map(number, ratio["spread"]))
    limit = "" if ratio["limit"] is None else number(ratio["limit"])
    return (f"| {plain(ratio['name'])} | {number(ratio['value'])} | {spread} | {limit} | "
            f"{VERDICTS[ratio['ok']]} |")


def plain(name: str) -> str:
    """What Markdown would read otherwise is quoted."""
    return re.sub(r"([|*<`\\])", r"\\\1", name)
