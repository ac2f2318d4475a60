# SPDX-License-Identifier: BSD-3-Clause
"""Runs a suite in VMs, and shows what it came to."""

from argparse import Namespace
from collections.abc import Callable

from harness.bench.suite import Suite
from harness.core import host
from harness.report.tables import Column, TextTable, number
from harness.vms import qemu

ROUNDS = 5
NAME = Column("", 58, left=True)
RATIOS = TextTable([NAME, Column("ratio", 7), Column("spread", 17), Column("at most", 7),
                    Column("", 6)])


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
    figures = TextTable([NAME, *(Column(heading, len(heading)) for heading in columns.values())])
    print(figures.heading())
    for row in result["rows"]:
        print(figures.row([row["name"], *(row.get(key) for key in columns)]))
    print(f"\n{RATIOS.heading()}")
    for ratio in result["ratios"]:
        print(RATIOS.row([ratio["name"], ratio["value"], " … ".join(map(number, ratio["spread"])),
                          ratio["limit"], "missed" if ratio["ok"] is False else None]))
