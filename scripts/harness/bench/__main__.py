# SPDX-License-Identifier: BSD-3-Clause
"""Measures in VMs, way beside way in one run; suite.py says how."""

import argparse
import json
import os
import platform
import re
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from .. import qemu
from ..places import HarnessError
from .boot import BOOT
from .idle import IDLE
from .rings import VFIO_USER, VM
from .suite import Suite

SUITES = {"vm": VM, "vfio-user": VFIO_USER, "idle": IDLE, "boot": BOOT}
NAME, COLUMN = 58, 31


def main(argv: Sequence[str]) -> int:
    options = _options(argv)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    suite = SUITES[options.suite]
    try:
        machine = suite.machine()
        rounds = [{name: dict(measure(machine, options.count))
                   for name, measure in suite.ways.items()} for _ in range(options.rounds)]
    except HarnessError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    facts = {"host": _host(), "accel": machine.accel, "qemu": qemu.version(machine.qemu),
             "kernel": machine.image.release, "guest_cpus": machine.smp, "rounds": rounds,
             "ratios": [ratio.of(rounds) for ratio in suite.ratios]}
    _show(suite, facts)
    if options.json:
        options.json.write_text(json.dumps(facts, indent=1) + "\n")
    missed = [ratio["name"] for ratio in facts["ratios"] if not ratio["ok"]]
    if options.check and missed:
        print(f"bench: over their limits: {'; '.join(missed)}", file=sys.stderr)
        return 1
    return 0


def _options(argv: Sequence[str]) -> argparse.Namespace:
    suites = "\n".join(f"  {name:<11}{suite.what}" for name, suite in SUITES.items())
    parser = argparse.ArgumentParser(prog="bench", description=__doc__, epilog=f"suites:\n{suites}",
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suite", choices=SUITES)
    parser.add_argument("--rounds", type=int, default=5, metavar="N",
                        help="how often each is measured (default: 5)")
    parser.add_argument("--count", type=int, default=10_000, metavar="N",
                        help="rings one at a time, of each in each round (default: 10000)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="writes the figures there")
    parser.add_argument("--check", action="store_true",
                        help="exit status 1 if a ratio is over its limit")
    options = parser.parse_args(argv)
    for name in ("rounds", "count"):
        if not 1 <= getattr(options, name) <= 10_000_000:
            parser.error(f"--{name} {getattr(options, name)}: choose 1 to 10000000")
    if options.json and not options.json.absolute().parent.is_dir():
        parser.error(f"--json {options.json}: there is no such folder")
    return options


def _host() -> str:
    models = re.findall(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return f"{os.cpu_count()} CPUs, {models[0] if models else platform.machine()}; " \
           f"Linux {platform.release()}"


def _show(suite: Suite, facts: dict) -> None:
    print(facts["host"])
    print(f"QEMU {facts['qemu']}, {facts['accel'].upper()}, kernel {facts['kernel']}, "
          f"{facts['guest_cpus']} CPU; {len(facts['rounds'])} rounds in turn, medians\n")
    print(f"{'':{NAME}}" + "".join(f"{heading:>{COLUMN}}" for heading in suite.columns.values()))
    for way in suite.ways:
        cells = (median(figures[way][key] for figures in facts["rounds"]) for key in suite.columns)
        print(f"{way:{NAME}}" + "".join(f"{cell:>{COLUMN},.4g}" for cell in cells))
    print(f"\n{'':{NAME}}{'ratio':>8}{'spread':>16}{'at most':>9}")
    for ratio in facts["ratios"]:
        low, high = ratio["spread"]
        limit = "" if ratio["limit"] is None else f"{ratio['limit']:.3g}"
        print(f"{ratio['name']:{NAME}}{ratio['value']:8.3f}{low:9.3f} … {high:<6.3f}"
              f"{limit:>7}  {'' if ratio['ok'] else 'missed'}".rstrip())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
