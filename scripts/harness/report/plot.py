# SPDX-License-Identifier: BSD-3-Clause
"""Plots for a page: rows on one logarithmic scale. lines.py has lines over a number.

A row is its label, its marks, and what the marks say in words, for who can't see
them. Marks stand at a part of the width, so that a plot is as wide as there is
room, and no text shrinks on a phone.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from harness.report.page import number

STYLE = """
figure { margin: 1rem 0 } .plot { list-style: none; margin: .3rem 0; padding: 0; font-size: .8rem }
.plot li { display: grid; grid-template-columns: 19rem 1fr 10.5rem; column-gap: .9rem;
  line-height: 20px; overflow-y: clip }
.plot .label { text-align: right } .plot .told { font-variant-numeric: tabular-nums }
.plot li > svg { display: block; width: 100%; height: 20px }
svg { overflow: visible }
@media (max-width: 46rem) { .plot li { grid-template: 'label told' 'marks marks' / 1fr auto }
  .plot .label { grid-area: label; text-align: left } .plot .told { grid-area: told }
  .plot li > svg { grid-area: marks } .plot { padding: 0 .6rem } }
svg text { fill: var(--faint); font-size: 12px; text-anchor: middle } .grid { stroke: var(--line) }
.first { fill: var(--first); stroke: var(--first) }
.second { fill: var(--second); stroke: var(--second) }
.bad { fill: var(--bad); stroke: var(--bad) } .soft { fill-opacity: .3; stroke: none }
.hollow { fill: var(--paper); stroke-width: 2 }
"""
MOST_TICKS = 9
TALLEST = 200  # px, of a row whose label is long; the grid ends where the row does
ZERO = 8.0  # of the width: from nothing to the smallest there is


class Scale:
    """From a figure to its place, in per cent of the width, by its logarithm. Where something is
    nothing, there is a place for that to the left."""

    def __init__(self, values: Sequence[float]) -> None:
        above = [value for value in values if value > 0] or [1.0]
        self.ticks = ticks(min(above), max(above))
        self._low, self._high = math.log10(self.ticks[0]), math.log10(self.ticks[-1])
        self._from = ZERO if any(value <= 0 for value in values) else 0.0

    def __call__(self, value: float) -> float:
        if value <= 0:
            return 0.0
        part = (math.log10(value) - self._low) / (self._high - self._low)
        return self._from + (100 - self._from) * min(max(part, 0.0), 1.0)

    def marked(self) -> list[tuple[float, str]]:
        """Each tick's place, and its name."""
        zero = [(0.0, "0")] if self._from else []
        return zero + [(self(tick), number(tick)) for tick in self.ticks]


def ticks(low: float, high: float) -> list[float]:
    """1, 2, 5, 10, … around them; where that were too many, 1, 10, …"""
    found: list[float] = []
    for steps in ((1, 2, 5), (1,)):
        powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 2)
        known = [step * 10.0**power for power in powers for step in steps]
        first = max(bisect_right(known, low) - 1, 0)
        found = known[first:max(bisect_left(known, high), first + 1) + 1]
        if len(found) <= MOST_TICKS:
            break
    return found


@dataclass(frozen=True)
class Row:
    label: str
    marks: str
    told: str
    kind: str = "row"


def plot(title: str, scale: Scale, rows: Iterable[Row]) -> str:
    marked = scale.marked()
    grid = "".join(f"<line class='grid' x1='{x:.1f}%' x2='{x:.1f}%' y1='0' y2='{TALLEST}'/>"
                   for x, _ in marked)
    axis = "".join(f"<text x='{x:.1f}%' y='14'>{text}</text>" for x, text in marked)
    drawn = "".join(
        f"<li class='{row.kind}'><span class='label'>{escape(row.label)}</span>"
        f"<svg aria-hidden='true'>{grid}{row.marks}</svg><span class='told'>{escape(row.told)}"
        "</span></li>" for row in rows)
    return (f"<figure><figcaption>{escape(title)}</figcaption><ul class='plot'>{drawn}<li "
            f"class='axis' aria-hidden='true'><span></span><svg>{axis}</svg></li></ul></figure>")


def line(scale: Scale, low: float, high: float, kind: str, y: int, width: int) -> str:
    return (f"<line class='{kind}' x1='{scale(low):.1f}%' x2='{scale(high):.1f}%' y1='{y}' "
            f"y2='{y}' stroke-width='{width}'/>")


def dot(scale: Scale, value: float, kind: str, y: int) -> str:
    return f"<circle class='{kind}' cx='{scale(value):.1f}%' cy='{y}' r='4'/>"


def bar(scale: Scale, value: float, kind: str, y: int, height: int) -> str:
    width = max(scale(value), 0.3)  # that of the least can be seen as well
    return f"<rect class='{kind}' y='{y}' width='{width:.1f}%' height='{height}'/>"


def diamond(scale: Scale, value: float, kind: str, y: int) -> str:
    return (f"<svg x='{scale(value):.1f}%' y='{y}'><path class='{kind}' d='M0-6 6 0 0 6-6 0z'/>"
            "</svg>")
