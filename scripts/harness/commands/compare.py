# SPDX-License-Identifier: BSD-3-Clause
"""Measures every way to notify that the note discusses, in one run.

`bell compare` runs in a guest, where the module notify_lab is the kernel's
side, and then on this host, for the ways that need no module. One table shows
all of them, sorted by direction. Below it are the note's claims, and whether
the guest's figures confirm them.
"""

import argparse
import itertools
import json
import operator
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bellwire.commands import command_line, compare_page
from bellwire.core import children, host, messages, runs
from bellwire.core.growing import LineReader
from bellwire.core.places import GUEST_TOOLS, HarnessError, replace_file
from bellwire.image import guest_image, kernel
from bellwire.labs.lab import Lab
from bellwire.report import logs
from bellwire.report.figures import Column, TextTable
from bellwire.vms import accel, qemu
from bellwire.vms.qemu import VmConfig

BELL = GUEST_TOOLS[0]
BETWEEN_USERS = "user → user"
ABSENT = "kernel ↔ user"  # the direction of what has no way into the kernel
DIRECTIONS = (BETWEEN_USERS, "kernel → user", "user → kernel", "round trip", ABSENT)
MEASURED = (0, 1)  # what bell compare ends with; 1: a mechanism that should work didn't
LIMIT = 300.0  # seconds for each part: a bound, not a goal
# The figures of a row, in two tables: bell's names for them, and their columns.
NAME = {"where": Column("where", 5, left=True), "name": Column("mechanism", 25, left=True)}
TIMES = NAME | {
    "cpus": Column("CPUs", 4, left=True), "p50_us": Column("p50 µs", 8, decimals=1),
    "p99_us": Column("p99 µs", 8, decimals=1), "p999_us": Column("p99.9 µs", 9, decimals=1),
    "burst_per_second": Column("per s", 9, decimals=0), "wakeups": Column("wake-ups", 8),
    "lost": Column("lost", 6),
}
TRAITS = NAME | {
    "coalesces": Column("merges", 6, left=True), "carries_data": Column("data", 4, left=True),
    "atomic": Column("in irq", 6, left=True), "setup_us": Column("set-up µs", 9, decimals=1),
    "setup_syscalls": Column("calls", 5), "teardown_us": Column("down µs", 8, decimals=1),
    "user_lines": Column("lines, user", 6), "kernel_lines": Column("lines, kernel", 6),
}


def main(argv: Sequence[str]) -> int:
    options = _options(argv)
    command_line.exit_on_signals()
    result = measure(options.count)
    show(result)
    if options.json:
        replace_file(options.json, json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    if options.html:
        replace_file(options.html, compare_page.page(result))
    failed = failures(result["rows"])
    for line in failed:
        messages.say(line, "compare")
    return 1 if failed else 0


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = command_line.parser("compare", __doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to FILE")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page of charts to FILE")
    parser.add_argument("--count", type=int, default=10_000, metavar="N",
                        help="notifications per mechanism (default: 10000): half of them "
                        "one at a time, half in a burst")
    options = parser.parse_args(argv)
    command_line.check_number(parser, options, "count", 8, 30_000)
    command_line.check_folders(parser, options, "json", "html")
    return options


def measure(count: int) -> dict[str, Any]:
    """The guest first, then the host: at the same time they would disturb each other."""
    this_host = host.facts()
    config = VmConfig(guest_image.prepare(kernel.DEFAULT), smp=min(2, this_host["cpus"]))
    version = qemu.version(config.qemu)
    config = config.on(accel.choose("auto", config, version))
    folder = runs.create()
    in_vm = in_guest(config, folder, count)
    rows = [{**row, "where": where}
            for where, part in (("guest", in_vm), ("host", on_host(folder, count)))
            for row in part["rows"]]
    rows.sort(key=lambda row: (DIRECTIONS.index(row["direction"]), row.get("p50_us", 1e9)))
    facts = {"accel": config.accel, "qemu": version, "kernel": config.image.release,
             "guest_cpus": config.smp, "host_kernel": this_host["kernel"],
             "host_cpus": this_host["cpus"], "count": count}
    return {"machine": facts, "rows": rows, "claims": in_vm["claims"]}


def failures(rows: Sequence[dict[str, Any]]) -> list[str]:
    """A line for each mechanism that should work and failed, or that has no figures."""
    return [f"{row['name']}, {row['direction']}, {row.get('where', 'guest')}: "
            f"{row['reason'] or 'no figures'}"
            for row in rows
            if row["direction"] != ABSENT and (row["reason"] or row.get("p50_us") is None)]


def in_guest(config: VmConfig, folder: Path, count: int) -> dict[str, Any]:
    with Lab(config, folder, devices=()) as lab:
        vm = lab.vm(["sh", "-c", guest_script(count)])
        if death := vm.boot(watch=lab.check):
            raise HarnessError(death.reason)
        messages.say("measuring each mechanism in the guest, then on this host; it takes a minute")
        letters = LineReader()
        verdict = vm.wait(LIMIT, lambda: _progress(letters.text(vm.stdout.read())))
    complaints = logs.complaints(vm.console)
    if verdict.status not in MEASURED or complaints:
        raise HarnessError(f"{complaints[0] if complaints else verdict.reason}; see {folder}")
    return _read(vm.results.path)


def guest_script(count: int, result: str = "/run/bellwire/results") -> str:
    return ("insmod /lib/modules/notify_lab.ko && "
            f"bell compare --count {count} --json {result}")


def on_host(folder: Path, count: int) -> dict[str, Any]:
    path = folder / "host.json"
    words = ("compare", "--only", BETWEEN_USERS, "--count", str(count), "--json", path)
    status = children.run(BELL, *words, log=folder / "host.log", limit=LIMIT).returncode
    if status not in MEASURED:
        raise HarnessError(f"bell compare ended with {status} on this host; see {folder}/host.log")
    return _read(path)


def _read(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text())
        return found
    except (OSError, ValueError) as error:
        raise HarnessError(f"bell compare wrote no figures: {error}; see {path}") from None


def _progress(text: str) -> None:
    """One line that changes, on a terminal: a run takes a minute."""
    if text and sys.stderr.isatty():
        line = text.rstrip().rsplit("\n", 1)[-1]
        print(f"\r\x1b[K{line:.70}", end="", file=sys.stderr, flush=True)


def show(result: dict[str, Any]) -> None:
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
    facts = result["machine"]
    print(f"QEMU {facts['qemu']}, {facts['accel'].upper()}, kernel {facts['kernel']}, "
          f"{facts['guest_cpus']} CPU; host {facts['host_kernel']}, "
          f"{facts['host_cpus']} CPU; {facts['count']:,} notifications of each, half of "
          "them one at a time, half in a burst\n")
    _print_table(TIMES, result["rows"])
    measured = [row for row in result["rows"] if not row["reason"]]
    _print_table(TRAITS, measured)
    print("The note's claims, in the guest")
    for claim in result["claims"]:
        print(f"  {claim['verdict']:<18}{claim['claim']}\n{'':20}{claim['measured']}")


def _print_table(columns: dict[str, Column], rows: Sequence[dict[str, Any]]) -> None:
    """In groups of one direction. A row without figures has its reason."""
    table = TextTable(tuple(columns.values()), gap=1)
    print(table.heading())
    for direction, group in itertools.groupby(rows, operator.itemgetter("direction")):
        print(direction)
        for row in group:
            print(table.row([row[key] for key in NAME] + [row["reason"]] if row["reason"] else
                            [row.get(key) for key in columns]))
    print()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
