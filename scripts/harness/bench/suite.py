# SPDX-License-Identifier: BSD-3-Clause
"""Suite: several ways of doing something, measured in turn, and what their ratios should be.

A round measures each way once, one after the other; so what else the machine
does meets all. Figures are medians over the rounds; ratios are of one round's
figures, and their median with its spread is what counts. A result has the
shape of `bellwire bench SUITE --json` (host/bench/report.hpp).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from harness.report.statistics import median, summarize
from harness.vms.qemu import Machine

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

    def measure(self, machine: Machine, rounds: int, count: int) -> dict:
        measured = [self._round(machine, count) for _ in range(rounds)]
        return {"rounds": rounds, "columns": dict(self.columns),
                "rows": [{"name": name, **_medians([figures[name] for figures in measured])}
                         for name in measured[0]],
                "ratios": [ratio.of(measured) for ratio in self.ratios]}

    def _round(self, machine: Machine, count: int) -> Mapping[str, Figures]:
        figures = {name: way(machine, count) for name, way in self.ways.items()}
        for ways in self.together:
            figures |= ways(machine, count)
        return figures


def _medians(turns: Sequence[Figures]) -> Figures:
    return {key: median(figures[key] for figures in turns) for key in turns[0]}
