# SPDX-License-Identifier: BSD-3-Clause
"""A suite: several ways of doing something, measured in turn, and limits of their ratios.

A round measures each way once, one after the other, so that other load on the machine meets them
all. Figures are medians over the rounds. A ratio is taken within each round; its result is the
median of the rounds, and its spread is their middle half. A result has the shape of
`bellwire bench SUITE --json` (host/bench/report.hpp).
"""

from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from harness.core import host
from harness.report.statistics import median, summarize
from harness.report.tables import Column, TextTable, number
from harness.vms import qemu
from harness.vms.qemu import Machine

ROUNDS = 5
NAME = Column("", 58, left=True)
RATIOS = TextTable([NAME, Column("ratio", 7), Column("spread", 17), Column("at most", 7),
                    Column("", 6)])
Figures = Mapping[str, float]
Rounds = Sequence[Mapping[str, Figures]]  # of each round, each way's


@dataclass(frozen=True)
class Ratio:
    """`figure` of one way by that of another, or as it is; and what it should be at most."""

    name: str
    figure: str
    way: str
    base: str | None
    limit: float | None

    def of(self, rounds: Rounds) -> dict:
        values = [figures[self.way][self.figure] /
                  (figures[self.base][self.figure] if self.base else 1) for figures in rounds]
        summary = summarize(values)
        return {"name": self.name, "value": summary.p50, "spread": [summary.p25, summary.p75],
                "limit": self.limit,
                "ok": None if self.limit is None else summary.p50 <= self.limit}


@dataclass(frozen=True)
class Suite:
    what: str
    machine: Callable[[], Machine]
    ways: Mapping[str, Callable[[Machine, int], Figures]]  # the number: rings of each
    columns: Mapping[str, str]  # a figure, and its heading
    ratios: Sequence[Ratio]
    together: Sequence[Callable[[Machine, int], Mapping[str, Figures]]] = ()  # ways in one VM each
    facts: Callable[[], Mapping[str, str]] = dict  # more about the machine

    def run(self, name: str, options: Namespace) -> dict:
        """Measures it, prints its tables, and returns its result."""
        machine = self.machine()
        facts = {"accelerator": machine.accel.upper(), **host.facts(),
                 "qemu": qemu.version(machine.qemu), "guest_kernel": machine.image.release,
                 "guest_cpus": machine.smp, **self.facts()}
        result = {"suite": name, "machine": facts,
                  **self.measure(machine, options.rounds or ROUNDS, options.count)}
        show(result)
        return result

    def measure(self, machine: Machine, rounds: int, count: int) -> dict:
        measured = [self._round(machine, count) for _ in range(rounds)]
        return {"rounds": rounds, "columns": dict(self.columns),
                "rows": [{"name": name, **medians([figures[name] for figures in measured])}
                         for name in measured[0]],
                "ratios": [ratio.of(measured) for ratio in self.ratios]}

    def _round(self, machine: Machine, count: int) -> Mapping[str, Figures]:
        figures = {name: way(machine, count) for name, way in self.ways.items()}
        for ways in self.together:
            figures |= ways(machine, count)
        return figures


def medians(turns: Sequence[Figures]) -> Figures:
    return {key: median(figures[key] for figures in turns) for key in turns[0]}


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
