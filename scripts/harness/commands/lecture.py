# SPDX-License-Identifier: BSD-3-Clause
"""Measures and draws the pictures of docs/teach: runs a VM on this machine, writes figures.json, the
pictures, and what the pages say of them. With --draw, only draws, from figures.json as it is.

The cost of an exit needs KVM, and comes from docs/performance.json (scripts/bench).
"""

import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bellwire.commands import command_line, compare
from bellwire.commands.lecture_pictures import PICTURES
from bellwire.core import host, runs
from bellwire.core.places import ROOT, HarnessError, replace_file
from bellwire.image import guest_image, kernel
from bellwire.labs.lab import Lab
from bellwire.labs.trace import Request
from bellwire.report import marked
from bellwire.vms import accel, qemu
from bellwire.vms.qemu import VmConfig
from bellwire.vms.vm import Vm

FOLDER = ROOT / "docs/teach"
FIGURES = "figures.json"
REQUESTS = 2_000
DEPTHS = (1, 2, 4, 8, 16, 32, 64)
RUN_LIMIT = 120.0  # seconds: a bound, not a goal
# Of the suite kvm: its loop without a write, and the two ways to hear of one.
EXITS = {"doorbell, nothing rung": "the loop, no write", "doorbell, exit, MMIO": "exit to user space",
         "doorbell, ioeventfd datamatch, MMIO": "ioeventfd"}
SLEEPING = "kernel → user"
SIDES = {"guest": "module"}  # what a trace calls the side, and what the picture does


def main(argv: Sequence[str]) -> int:
    parser = command_line.parser("lecture", __doc__)
    parser.add_argument("--draw", action="store_true",
                        help="don't measure: draw what figures.json has")
    options = parser.parse_args(argv)
    command_line.exit_on_signals()
    if not options.draw:
        replace_file(FOLDER / FIGURES, json.dumps(measure(), indent=1, ensure_ascii=False) + "\n")
    figures = json.loads((FOLDER / FIGURES).read_text())
    for path, text in drawn(figures).items():
        replace_file(path, text)
    print(f"docs/teach: {len(PICTURES)} pictures of {figures['machine']['cpu']}")
    return 0


def drawn(figures: Mapping[str, Any], folder: Path = FOLDER) -> dict[Path, str]:
    """All files that follow from the figures, and their text."""
    files = {folder / f"pictures/{picture.name}.svg": picture.draw(figures) for picture in PICTURES}
    told = {picture.name: f"![{picture.say(figures)}](pictures/{picture.name}.svg)\n\n"
                            f"{picture.say(figures)}" for picture in PICTURES}
    told["claims"] = claims(figures["claims"])
    told["machine"] = of_machine(figures["machine"])
    for page in sorted(folder.glob("*.md")):
        text = page.read_text()
        for name, said in told.items():
            if marked.begin(name) in text:
                text = marked.replaced(text, name, f"{said}\n")
        files[page] = text
    return files


def claims(found: Sequence[Mapping[str, str]]) -> str:
    rows = [f"| {claim['claim']} | {claim['verdict']} | {claim['measured']} |" for claim in found]
    return "\n".join(["| the note says | here it is | what was measured |", "|---|---|---|", *rows])


def of_machine(machine: Mapping[str, Any]) -> str:
    return (f"Measured with QEMU {machine['qemu']}, {machine['accelerator'].upper()}, a guest with "
            f"Linux {machine['guest_kernel']}, on {machine['cpu']} ({machine['cpus']} CPUs, "
            f"{machine['kernel']}).")


def measure() -> dict[str, Any]:
    config = VmConfig(guest_image.prepare(kernel.DEFAULT))
    version = qemu.version(config.qemu)
    config = config.on(accel.choose("auto", config, version))
    machine = {"accelerator": config.accel, "qemu": version, "guest_kernel": config.image.release,
               **host.facts()}
    with Lab(config, runs.create()) as lab:
        vm = lab.boot()
        with lab.trace() as trace:
            ring(vm, 1)
        stages = trace.data["stages"]
        requests = [request for request in trace.requests if None not in request.at.values()]
        depths = [ring(vm, depth) for depth in DEPTHS]
    found = compare.measure(REQUESTS)
    return {"machine": machine, "requests": len(requests), "hops": medians(stages, requests),
            "depths": depths, "ways": sleepers(found["rows"]), "claims": found["claims"],
            "exits": exits()}


def ring(vm: Vm, depth: int) -> dict[str, int]:
    done = vm.run(f"bell ring --ktap --count {REQUESTS * depth} --depth {depth}", RUN_LIMIT)
    if done.status:
        raise HarnessError(f"bell ring failed: {done.stdout}{done.stderr}")
    line = next(line for line in done.stdout.splitlines() if line.startswith("# {"))
    run = json.loads(line.removeprefix("# "))
    return {key: run[key] for key in ("depth", "rings", "doorbells", "interrupts")}


def medians(stages: Sequence[Mapping[str, str]], requests: Sequence[Request]
            ) -> list[dict[str, Any]]:
    """When each stage is reached, after the first one."""
    first = stages[0]["name"]
    return [{"name": stage["name"], "side": SIDES.get(stage["side"], stage["side"]),
             "us": round(statistics.median((request.at[stage["name"]] or 0) - (request.at[first] or 0)
                                           for request in requests) / 1000, 2)}
            for stage in stages]


def sleepers(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    some = [row for row in rows if row["direction"] == SLEEPING and row["where"] == "guest"
            and row.get("p50_us") and "spin" not in row["name"]]
    return [{"name": row["name"], "p50_us": row["p50_us"]}
            for row in sorted(some, key=lambda row: float(row["p50_us"]))]


def exits() -> dict[str, Any]:
    known = json.loads((ROOT / "docs/performance.json").read_text())
    suite = next(suite for suite in known["suites"] if suite["suite"] == "kvm")
    nanoseconds = {row["name"]: row["p50_ns"] for row in suite["rows"]}
    return {"accelerator": suite["machine"]["accelerator"], "cpu": suite["machine"]["cpu"],
            "rows": [{"name": name, "ns": round(nanoseconds[row])} for row, name in EXITS.items()]}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
