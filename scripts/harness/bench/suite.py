# SPDX-License-Identifier: BSD-3-Clause
"""A suite: several ways of doing something, measured in turn, and limits of their ratios.

A round measures each way once, one after the other, so that other load on the machine meets them
all. Figures are medians over the rounds. A ratio is taken within each round; its result is the
median of the rounds, and its spread is their middle half. A result has the shape of
`bellwire-bench SUITE --json` (host/bench/benchmark.hpp).
"""

from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bellwire.core import host
from bellwire.report.figures import Column, TextTable, median, number, summarize
from bellwire.vms import qemu
from bellwire.vms.qemu import VmConfig

ROUNDS = 5
BESIDE_RATIO = (Column("ratio", 7), Column("spread", 17), Column("at most", 7), Column("", 6))
FIGURE = 10  # columns
Figures = Mapping[str, float]
Rounds = Sequence[Mapping[str, Figures]]  # per round, the figures of each way


@dataclass(frozen=True)
class Ratio:
    """A figure of one way, divided by that of another if there is a base, and its upper limit."""

    name: str
    figure: str
    way: str
    base: str | None
    limit: float | None

    def of(self, rounds: Rounds) -> dict[str, Any]:
        values = [figures[self.way][self.figure] /
                  (figures[self.base][self.figure] if self.base else 1) for figures in rounds]
        summary = summarize(values)
        return {"name": self.name, "value": summary.p50, "spread": [summary.p25, summary.p75],
                "limit": self.limit,
                "ok": None if self.limit is None else summary.p50 <= self.limit}


@dataclass(frozen=True)
class Suite:
    what: str
    config: Callable[[], VmConfig]
    ways: Mapping[str, Callable[[VmConfig, int], Figures]]  # (configuration, number of rings)
    columns: Mapping[str, str]  # each figure and its heading
    ratios: Sequence[Ratio]
    # Each measures several ways in one VM.
    together: Sequence[Callable[[VmConfig, int], Mapping[str, Figures]]] = ()
    facts: Callable[[], Mapping[str, str]] = dict  # more about the machine

    def run(self, name: str, options: Namespace) -> dict[str, Any]:
        """Measures it, prints its tables, and returns its result."""
        config = self.config()
        facts = {"accelerator": config.accel.upper(), **host.facts(),
                 "qemu": qemu.version(config.qemu), "guest_kernel": config.image.release,
                 "guest_cpus": config.smp, **self.facts()}
        result = {"suite": name, "machine": facts,
                  **self.measure(config, options.rounds or ROUNDS, options.count)}
        show(result)
        return result

    def measure(self, config: VmConfig, rounds: int, count: int) -> dict[str, Any]:
        measured = [self._round(config, count) for _ in range(rounds)]
        return {"rounds": rounds, "columns": dict(self.columns),
                "rows": [{"name": name, **medians([figures[name] for figures in measured])}
                         for name in measured[0]],
                "ratios": [ratio.of(measured) for ratio in self.ratios]}

    def _round(self, config: VmConfig, count: int) -> Mapping[str, Figures]:
        figures = {name: way(config, count) for name, way in self.ways.items()}
        for ways in self.together:
            figures |= ways(config, count)
        return figures


def medians(turns: Sequence[Figures]) -> Figures:
    return {key: median(figures[key] for figures in turns) for key in turns[0]}


def show(result: dict[str, Any]) -> None:
    facts, columns = result["machine"], result["columns"]
    print(f"QEMU {facts['qemu']}, {facts['accelerator']}, kernel {facts['guest_kernel']}, "
          f"{facts['guest_cpus']} CPU; on {facts['cpu']}, {facts['kernel']}; "
          f"{result['rounds']} rounds in turn, medians\n")
    print_table([Column(heading, FIGURE) for heading in columns.values()],
                [[row["name"], *(row.get(key) for key in columns)] for row in result["rows"]])
    print_ratios(result["ratios"])


def print_ratios(ratios: Sequence[Mapping[str, Any]]) -> None:
    print()
    print_table(BESIDE_RATIO, [
        [ratio["name"], ratio["value"], " … ".join(map(number, ratio["spread"])), ratio["limit"],
         "missed" if ratio["ok"] is False else None] for ratio in ratios])


def print_table(columns: Sequence[Column], rows: Sequence[Sequence[Any]]) -> None:
    """Each row begins with its name."""
    name = Column("", max((len(row[0]) for row in rows), default=0), left=True)
    table = TextTable([name, *columns], gap=1)
    print(table.heading())
    for row in rows:
        print(table.row(row))
