# SPDX-License-Identifier: BSD-3-Clause
"""The results of a run: all suites in one, the limits that they miss, and docs/performance.md.

The tables of docs/performance.md are written from docs/performance.json, never by hand.
"""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from bellwire.core import host
from bellwire.core.places import ROOT, replace_file
from bellwire.report import marked
from bellwire.report.figures import number

DOC, DATA = ROOT / "docs/performance.md", ROOT / "docs/performance.json"
MARKS = "figures"  # in the page
VERDICTS = {None: "", True: "kept", False: "**missed**"}


def collect(suites: Sequence[dict[str, Any]], left_out: Mapping[str, str]) -> dict[str, Any]:
    """`left_out`: for each suite without a result, the reason."""
    return {"date": date.today().isoformat(), "machine": host.facts(), "left_out": dict(left_out),
            "suites": list(suites),
            "ratios": [{"suite": result["suite"], **ratio} for result in suites
                       for ratio in result["ratios"]]}


def missed(results: dict[str, Any]) -> list[str]:
    """A line for each ratio that is over its limit."""
    return [f"{ratio['suite']}: {ratio['name']}: {ratio['value']:.4g} ({low:.4g} … {high:.4g}), "
            f"at most {ratio['limit']:.4g}"
            for ratio in results["ratios"] if ratio["ok"] is False
            for low, high in [ratio["spread"]]]


def write_json(path: Path, results: dict[str, Any]) -> None:
    text = json.dumps(results, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    replace_file(path, text.encode())


def write_docs(run: dict[str, Any]) -> None:
    """The suites of this run replace those of the same names; others stay, each with its date and its
    machine."""
    merged = merge(read(), run)
    write_json(DATA, merged)
    DOC.write_text(marked.replaced(DOC.read_text(), MARKS, figures(merged)))


def merge(old: dict[str, Any], run: dict[str, Any]) -> dict[str, Any]:
    suites = _by_name(old) | _by_name(run)
    left_out = {name: why for name, why in (old["left_out"] | run["left_out"]).items()
                if name not in suites}
    return {**collect([*suites.values()], left_out), "date": run["date"], "machine": run["machine"]}


def _by_name(run: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["suite"]: {"date": run["date"], **each,
                            "machine": {**run["machine"], **each["machine"]}}
            for each in run["suites"]}


def read() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(DATA.read_text())
    return found


def figures(run: dict[str, Any]) -> str:
    machine = run["machine"]
    facts = [f"{run['date']}, {_named(machine)}."]
    facts += [f"Without `{name}`: {reason}." for name, reason in run["left_out"].items()]
    suites = (suite(result, run) for result in run["suites"] if result["ratios"])
    return "\n\n".join([" ".join(facts), *suites]) + "\n"


def _named(machine: Mapping[str, Any]) -> str:
    return f"{machine['cpus']} CPUs, {machine['cpu']}, {machine['kernel']}"


def suite(result: dict[str, Any], run: Mapping[str, Any]) -> str:
    """With its date and its machine, if they are not those of the last ones."""
    machine = result["machine"]
    on = [machine["accelerator"]]
    if "qemu" in machine:
        on += [f"QEMU {machine['qemu']}", f"kernel {machine['guest_kernel']} on "
               f"{machine['guest_cpus']} CPU"]
    if "stolen" in machine:
        on += [f"{machine['stolen']} of the CPU time stolen"]
    here = _named({**run["machine"], **machine})
    if here != _named(run["machine"]):
        on += [here]
    when = result.get("date", run["date"])
    rounds = f"{result['rounds']} rounds" + (f" on {when}" if when != run["date"] else "")
    rows = "\n".join(map(row, result["ratios"]))
    return (f"**`{result['suite']}`**: {result['what']} ({', '.join(on)}; {rounds})."
            "\n\n| ratio | | spread | at most | |\n|---|--:|--:|--:|---|\n" + rows)


def row(ratio: dict[str, Any]) -> str:
    spread = " … ".join(map(number, ratio["spread"]))
    limit = "" if ratio["limit"] is None else number(ratio["limit"])
    return (f"| {plain(ratio['name'])} | {number(ratio['value'])} | {spread} | {limit} | "
            f"{VERDICTS[ratio['ok']]} |")


def plain(name: str) -> str:
    """Escapes what Markdown would interpret."""
    return re.sub(r"([|*<`\\])", r"\\\1", name)
