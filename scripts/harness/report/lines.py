# SPDX-License-Identifier: BSD-3-Clause
"""Lines over a number, for a page: how a figure grows with it, from nothing up.

The number is on a logarithmic scale, the figure on a plain one: a line that is
flat costs nothing more. Lines differ by their dots and dashes, not by colour
alone; the key tells where each begins and ends.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from harness.report.page import number

STYLE = """
.lines { margin: .6rem .6rem .6rem 3.5rem } .lines svg { display: block; width: 100% }
.lines text.up { text-anchor: end } .key ul { list-style: none; padding: 0; margin: 0 }
.key li { padding-left: 42px; text-indent: -42px }
.key svg { display: inline-block; width: 34px; height: 10px; margin-right: 8px }
"""
HEIGHT = 200
MOST_TICKS = 5
ROUND, SQUARE = "first", "second"  # how dots look, each of its own colour
LOOKS = (ROUND, SQUARE)


@dataclass(frozen=True)
class Line:
    name: str
    points: Sequence[tuple[float, float]]  # numbers and figures, in order
    look: str = ROUND
    hollow: bool = False  # and dotted


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


def lines(title: str, some: Sequence[Line]) -> str:
    points = [point for line in some for point in line.points]
    frame = Frame(sorted({x for x, _ in points}), ticks(max(y for _, y in points)))
    drawn = "".join(_drawn(frame, line) for line in some)
    return (f"<figure><figcaption>{escape(title)}</figcaption><div class='lines'>"
            f"<svg height='{HEIGHT + 24}' aria-hidden='true'>{frame.grid()}{drawn}</svg></div>"
            f"<div class='key'><ul>{''.join(map(_told, some))}</ul></div></figure>")


def ticks(most: float) -> list[float]:
    """From 0 up past it, by 1, 2 or 5 of some size."""
    size = 10.0**math.floor(math.log10(most)) if most > 0 else 1.0
    step = next(step * size for step in (0.2, 0.5, 1, 2) if most / (step * size) <= MOST_TICKS)
    return [step * count for count in range(max(math.ceil(most / step), 1) + 1)]


def _drawn(frame: Frame, line: Line) -> str:
    places = [(f"{frame.across(x):.1f}%", f"{frame.down(y):.1f}") for x, y in line.points]
    return "".join(_stroke(line, *place, *to) for place, to in pairwise(places)) + "".join(
        _dot(line, *place) for place in places)


def _stroke(line: Line, x: str, y: str, to_x: str, to_y: str) -> str:
    dashes = "stroke-dasharray='2 4'" if line.hollow else ""
    return (f"<line class='{line.look}' x1='{x}' y1='{y}' x2='{to_x}' y2='{to_y}' "
            f"stroke-width='2' {dashes}/>")


def _dot(line: Line, x: str, y: str) -> str:
    kind = f"{line.look} hollow" if line.hollow else line.look
    rounded = 4 if line.look == ROUND else 0
    return (f"<rect class='{kind}' x='{x}' y='{y}' width='8' height='8' rx='{rounded}' "
            "transform='translate(-4 -4)'/>")


def _told(line: Line) -> str:
    (first, begins), (last, ends) = line.points[0], line.points[-1]
    return (f"<li><svg aria-hidden='true'>{_stroke(line, '0', '5', '34', '5')}"
            f"{_dot(line, '17', '5')}</svg>{escape(line.name)}: {number(begins)} at "
            f"{number(first)}, {number(ends)} at {number(last)}</li>")
