# SPDX-License-Identifier: BSD-3-Clause
"""Suite: several ways of doing something, measured in turn, and what their ratios should be.

A round measures each way once, one after the other; so what else the machine
does meets all. Figures are medians over the rounds; ratios are of one round's
figures, and their median with its spread is what counts.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from ..qemu import Machine

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
        values = sorted(figures[self.way][self.figure] /
                        (figures[self.base][self.figure] if self.base else 1)
                        for figures in rounds)
        value = median(values)
        return {"name": self.name, "value": value, "spread": [values[0], values[-1]],
                "limit": self.limit, "ok": self.limit is None or value <= self.limit}


@dataclass(frozen=True)
class Suite:
    what: str
    machine: Callable[[], Machine]
    ways: Mapping[str, Callable[[Machine, int], Figures]]  # the number: rings of each
    columns: Mapping[str, str]  # a figure, and its heading
    ratios: Sequence[Ratio]
