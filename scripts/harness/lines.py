# SPDX-License-Identifier: BSD-3-Clause
"""Lines over a number, for a page: how a figure grows with it, from nothing up.

The number is on a logarithmic scale, the figure on a plain one: a line that is
flat costs nothing more. Lines differ by their dashes and dots, not by colour
alone; the key tells where each begins and ends.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from .page import number

STYLE = """
.lines { margin: .6rem .6rem .6rem 3.5rem } .lines svg { display: block; width: 100% }
.lines text.up { text-anchor: end } .key ul { list-style: none; padding: 0; margin: 0 }
.key svg { display: inline-block; width: 34px; height: 10px; margin-right: .5rem }
"""
HEIGHT = 200
MOST_TICKS = 5
# A line's colour, its dashes, and whether its dots are hollow.
LOOKS = (("first", "none", ""), ("second", "7 4", " hollow"), ("first", "2 4", " hollow"),
         ("second", "none", ""))

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Frame:
    """Where a point is: across in per cent of the width, down in pixels."""

    numbers: Sequence[float]
    ticks: Sequence[float]

    def across(self, value: float) -> float:
        low, high = math.log(self.numbers[0]), math.log(self.numbers[-1])
        return 100 * (math.log(value) - low) / ((high - low) or 1)

    def down(self, value: float) -> float:
        return HEIGHT * (1 - value / self.ticks[-1])

    def grid(self) -> str:
        ups = ((self.down(tick), number(tick)) for tick in self.ticks)
        return "".join(
            f"<line class='grid' x2='100%' y1='{y:.1f}' y2='{y:.1f}'/>"
            f"<text class='up' x='-8' y='{y + 4:.1f}'>{text}</text>" for y, text in ups) + "".join(
            f"<text x='{self.across(value):.1f}%' y='{HEIGHT + 18}'>{number(value)}</text>"
            for value in self.numbers)


def lines(title: str, series: Mapping[str, Points]) -> str:
    points = [point for some in series.values() for point in some]
    frame = Frame(sorted({x for x, _ in points}), ticks(max(y for _, y in points)))
    looks = [LOOKS[index % len(LOOKS)] for index in range(len(series))]
    drawn = "".join(_line(frame, sorted(some), look)
                    for some, look in zip(series.values(), looks))
    key = "".join(_told(name, sorted(some), look)
                  for (name, some), look in zip(series.items(), looks))
    return (f"<figure><figcaption>{escape(title)}</figcaption><div class='lines'>"
            f"<svg height='{HEIGHT + 24}' aria-hidden='true'>{frame.grid()}{drawn}</svg></div>"
            f"<div class='key'><ul>{key}</ul></div></figure>")


def ticks(most: float) -> list[float]:
    """From 0 up past it, by 1, 2 or 5 of some size."""
    size = 10.0**math.floor(math.log10(most)) if most > 0 else 1.0
    step = next(step * size for step in (0.2, 0.5, 1, 2) if most / (step * size) <= MOST_TICKS)
    return [step * count for count in range(max(math.ceil(most / step), 1) + 1)]


def _line(frame: Frame, points: Points, look: tuple[str, str, str]) -> str:
    colour, dashes, hollow = look
    places = [(f"{frame.across(x):.1f}%", f"{frame.down(y):.1f}") for x, y in points]
    return "".join(
        f"<line class='{colour}' x1='{x}' y1='{y}' x2='{to_x}' y2='{to_y}' stroke-width='2' "
        f"stroke-dasharray='{dashes}'/>" for (x, y), (to_x, to_y) in pairwise(places)) + "".join(
        f"<circle class='{colour}{hollow}' cx='{x}' cy='{y}' r='4'/>" for x, y in places)


def _told(name: str, points: Points, look: tuple[str, str, str]) -> str:
    colour, dashes, hollow = look
    (first, begins), (last, ends) = points[0], points[-1]
    return (f"<li><svg aria-hidden='true'><line class='{colour}' x2='34' y1='5' y2='5' "
            f"stroke-width='2' stroke-dasharray='{dashes}'/><circle class='{colour}{hollow}' "
            f"cx='17' cy='5' r='4'/></svg>{escape(name)}: {number(begins)} at {number(first)}, "
            f"{number(ends)} at {number(last)}</li>")
