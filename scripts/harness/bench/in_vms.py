# SPDX-License-Identifier: BSD-3-Clause
"""Runs a suite in VMs, and shows what it came to."""

from argparse import Namespace
from collections.abc import Callable

from harness.bench import host
from harness.bench.suite import Suite
from harness.report.page import number
from harness.vms import qemu

ROUNDS = 5
NAME, GAP = 58, 3


def runs(suite: Suite) -> Callable[[str, Namespace], dict]:
    def run(name: str, options: Namespace) -> dict:
        machine = suite.machine()
        facts = {"accelerator": machine.accel.upper(), **host.facts(),
                 "qemu": qemu.version(machine.qemu), "guest_kernel": machine.image.release,
                 "guest_cpus": machine.smp,
                 **suite.facts()}
        result = {"suite": name, "machine": facts,
                  **suite.measure(machine, options.rounds or ROUNDS, options.count)}
        show(result)
        return result

    return run


def show(result: dict) -> None:
    machine, columns = result["machine"], result["columns"]
    print(f"QEMU {machine['qemu']}, {machine['accelerator']}, kernel {machine['guest_kernel']}, "
          f"{machine['guest_cpus']} CPU; on {machine['cpu']}, {machine['kernel']}; "
          f"{result['rounds']} rounds in turn, medians\n")
    print(" " * NAME + "".join(" " * GAP + heading for heading in columns.values()))
    for row in result["rows"]:
        cells = (f"{number(row[key]) if key in row else '':>{len(heading) + GAP}}"
                 for key, heading in columns.items())
        print(f"{row['name']:{NAME}}" + "".join(cells))
    print(f"\n{'':{NAME}}{'ratio':>8}{'spread':>16}{'at most':>9}")
    for ratio in result["ratios"]:
        low, high = ratio["spread"]
        limit = "" if ratio["limit"] is None else f"{ratio['limit']:.3g}"
        print(f"{ratio['name']:{NAME}}{ratio['value']:8.3f}{low:9.3f} … {high:<6.3f}"
              f"{limit:>7}  {'missed' if ratio['ok'] is False else ''}".rstrip())
