# SPDX-License-Identifier: BSD-3-Clause
"""Charts for a page, as SVG in the text: rows on a logarithmic scale, and lines over a number.

Every figure also stands in words beside its mark, for readers who cannot see the chart. Places
across are parts of the width, so a chart is as wide as there is room and no text shrinks on a
phone. Series differ by their dots and dashes, not by colour alone.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from bellwire.report.figures import number

STYLE = """
figure { margin: 1rem 0 } .plot { list-style: none; margin: .3rem 0; padding: 0; font-size: .8rem }
.plot li { display: grid; grid-template-columns: 17rem 1fr 15rem; column-gap: .9rem;
  line-height: 20px; overflow-y: clip }
.plot .label { text-align: right } .plot .words { font-variant-numeric: tabular-nums }
.plot li > svg { display: block; width: 100%; height: 20px }
svg { overflow: visible }
@media (max-width: 46rem) { .plot li { grid-template: 'label words' 'marks marks' / 1fr auto }
  .plot .label { grid-area: label; text-align: left } .plot .words { grid-area: words }
  .plot li > svg { grid-area: marks } .plot { padding: 0 .6rem } }
svg text { fill: var(--faint); font-size: 12px; text-anchor: middle } .grid { stroke: var(--line) }
.first { fill: var(--first); stroke: var(--first) }
.second { fill: var(--second); stroke: var(--second) }
.bad { fill: var(--bad); stroke: var(--bad) } .soft { fill-opacity: .3; stroke: none }
.hollow { fill: var(--paper); stroke-width: 2 } .limit { stroke: var(--ink); stroke-width: 2 }
.dashed { stroke-dasharray: 3 2 }
.lines { margin: .6rem .6rem .6rem 3.5rem } .lines svg { display: block; width: 100% }
.lines text.up { text-anchor: end } .key ul { list-style: none; padding: 0; margin: 0 }
.key li { padding-left: 42px; text-indent: -42px }
.key svg { display: inline-block; width: 34px; height: 10px; margin-right: 8px }
"""
MOST_TICKS = 9  # on a logarithmic scale
MOST_STEPS = 5  # on a plain one, from 0
TALLEST = 200  # px, of a row whose label is long; the grid ends where the row does
HEIGHT = 200  # px, of a chart of lines
ZERO = 8.0  # per cent of the width, from 0 to the smallest figure above it
ROUND, SQUARE = "first", "second"  # how a series' dots look; each has a colour of its own
LOOKS = (ROUND, SQUARE)


class Scale:
    """Maps a figure to its place, in per cent of the width, by its logarithm. If a figure is 0,
    the scale has a place for it at the left end."""

    def __init__(self, values: Sequence[float]) -> None:
        above = [value for value in values if value > 0] or [1.0]
        self.ticks = log_ticks(min(above), max(above))
        self._low, self._high = math.log10(self.ticks[0]), math.log10(self.ticks[-1])
        self._from = ZERO if any(value <= 0 for value in values) else 0.0

    def __call__(self, value: float) -> float:
        if value <= 0:
            return 0.0
        part = (math.log10(value) - self._low) / (self._high - self._low)
        return self._from + (100 - self._from) * min(max(part, 0.0), 1.0)

    def marked(self) -> list[tuple[float, str]]:
        """The place and the name of each tick."""
        zero = [(0.0, "0")] if self._from else []
        return zero + [(self(tick), number(tick)) for tick in self.ticks]


def log_ticks(low: float, high: float) -> list[float]:
    """1, 2, 5, 10, … around the two; 1, 10, … if those would be too many."""
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
    """`marks` are SVG; `words` say the same."""

    label: str
    marks: str
    words: str
    kind: str = "row"


def row_chart(title: str, scale: Scale, rows: Iterable[Row]) -> str:
    marked = scale.marked()
    grid = "".join(f"<line class='grid' x1='{x:.1f}%' x2='{x:.1f}%' y1='0' y2='{TALLEST}'/>"
                   for x, _ in marked)
    axis = "".join(f"<text x='{x:.1f}%' y='14'>{name}</text>" for x, name in marked)
    drawn = "".join(
        f"<li class='{row.kind}'><span class='label'>{escape(row.label)}</span>"
        f"<svg aria-hidden='true'>{grid}{row.marks}</svg><span class='words'>{escape(row.words)}"
        "</span></li>" for row in rows)
    return (f"<figure><figcaption>{escape(title)}</figcaption><ul class='plot'>{drawn}<li "
            f"class='axis' aria-hidden='true'><span></span><svg>{axis}</svg></li></ul></figure>")


def span(scale: Scale, low: float, high: float, kind: str, y: int, width: int) -> str:
    return (f"<line class='{kind}' x1='{scale(low):.1f}%' x2='{scale(high):.1f}%' y1='{y}' "
            f"y2='{y}' stroke-width='{width}'/>")


def limit(scale: Scale, value: float) -> str:
    """An upright line."""
    x = f"{scale(value):.1f}%"
    return f"<line class='limit' x1='{x}' x2='{x}' y1='2' y2='18'/>"


def dot(scale: Scale, value: float, kind: str, y: int) -> str:
    return f"<circle class='{kind}' cx='{scale(value):.1f}%' cy='{y}' r='4'/>"


def diamond(scale: Scale, value: float, kind: str, y: int) -> str:
    return (f"<svg x='{scale(value):.1f}%' y='{y}'><path class='{kind}' d='M0-6 6 0 0 6-6 0z'/>"
            "</svg>")


def bar(scale: Scale, value: float, kind: str, y: int, height: int) -> str:
    width = max(scale(value), 0.3)  # the least can be seen as well
    return f"<rect class='{kind}' y='{y}' width='{width:.1f}%' height='{height}'/>"


def histogram(scale: Scale, buckets: Sequence[tuple[float, int]], kind: str) -> str:
    """A bar for each (value, count), as high as its share of the largest count."""
    most = max((count for _, count in buckets), default=1)
    heights = ((value, 15 * count / most) for value, count in buckets if value > 0 and count > 0)
    return "".join(f"<rect class='{kind}' x='{scale(value):.1f}%' y='{18 - height:.1f}' width='3' "
                   f"height='{height:.1f}'/>" for value, height in heights)


@dataclass(frozen=True)
class Series:
    """How a figure grows with a number: a line of dots."""

    name: str
    points: Sequence[tuple[float, float]]  # (number, figure), in ascending order
    look: str = ROUND
    hollow: bool = False  # and dotted


@dataclass(frozen=True)
class Frame:
    """Where a point stands: across in per cent of the width, down in pixels. The scale of the
    numbers is logarithmic, that of the figures plain: a line that is flat costs nothing more."""

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
            f"<text class='up' x='-8' y='{y + 4:.1f}'>{name}</text>" for y, name in ups) + "".join(
            f"<text x='{self.across(value):.1f}%' y='{HEIGHT + 18}'>{number(value)}</text>"
            for value in self.numbers)


def line_chart(title: str, some: Sequence[Series]) -> str:
    points = [point for series in some for point in series.points]
    frame = Frame(sorted({x for x, _ in points}), plain_ticks(max(y for _, y in points)))
    drawn = "".join(_drawn(frame, series) for series in some)
    return (f"<figure><figcaption>{escape(title)}</figcaption><div class='lines'>"
            f"<svg height='{HEIGHT + 24}' aria-hidden='true'>{frame.grid()}{drawn}</svg></div>"
            f"<div class='key'><ul>{''.join(map(_key, some))}</ul></div></figure>")


def plain_ticks(most: float) -> list[float]:
    """From 0 to at least `most`, by 1, 2 or 5 of some power of ten."""
    size = 10.0**math.floor(math.log10(most)) if most > 0 else 1.0
    step = next(step * size for step in (0.2, 0.5, 1, 2) if most / (step * size) <= MOST_STEPS)
    return [step * count for count in range(max(math.ceil(most / step), 1) + 1)]


def _drawn(frame: Frame, series: Series) -> str:
    places = [(f"{frame.across(x):.1f}%", f"{frame.down(y):.1f}") for x, y in series.points]
    return "".join(_stroke(series, *place, *to) for place, to in pairwise(places)) + "".join(
        _square(series, *place) for place in places)


def _stroke(series: Series, x: str, y: str, to_x: str, to_y: str) -> str:
    dashes = "stroke-dasharray='2 4'" if series.hollow else ""
    return (f"<line class='{series.look}' x1='{x}' y1='{y}' x2='{to_x}' y2='{to_y}' "
            f"stroke-width='2' {dashes}/>")


def _square(series: Series, x: str, y: str) -> str:
    """Its corners are as round as the look wants."""
    kind = f"{series.look} hollow" if series.hollow else series.look
    rounded = 4 if series.look == ROUND else 0
    return (f"<rect class='{kind}' x='{x}' y='{y}' width='8' height='8' rx='{rounded}' "
            "transform='translate(-4 -4)'/>")


def _key(series: Series) -> str:
    """Its look, its name, and where it begins and ends."""
    (first, begins), (last, ends) = series.points[0], series.points[-1]
    return (f"<li><svg aria-hidden='true'>{_stroke(series, '0', '5', '34', '5')}"
            f"{_square(series, '17', '5')}</svg>{escape(series.name)}: {number(begins)} at "
            f"{number(first)}, {number(ends)} at {number(last)}</li>")


TIME_HEIGHT = 120  # px


def time_chart(title: str, lines: Sequence[tuple[str, str, Sequence[tuple[float, float]]]]) -> str:
    """Figures over seconds, from 0 on both scales: each line has a name, a look and its points."""
    points = [point for _, _, some in lines for point in some]
    if not points:
        return f"<figure><figcaption>{escape(title)}: no figures</figcaption></figure>"
    longest, ticks = max(x for x, _ in points) or 1.0, plain_ticks(max(y for _, y in points))
    ups = [(TIME_HEIGHT * (1 - tick / ticks[-1]), number(tick)) for tick in ticks]
    grid = "".join(f"<line class='grid' x2='100%' y1='{y:.1f}' y2='{y:.1f}'/>"
                   f"<text class='up' x='-8' y='{y + 4:.1f}'>{name}</text>" for y, name in ups)
    drawn = "".join(_time_line(look, [(1000 * x / longest, TIME_HEIGHT * (1 - y / ticks[-1]))
                                      for x, y in some]) for _, look, some in lines)
    words = "; ".join(f"<b class='{look}'>{escape(name)}</b> {_extent(some)}"
                      for name, look, some in lines if some)
    return (f"<figure><figcaption>{escape(title)}</figcaption><div class='lines'>"
            f"<svg height='{TIME_HEIGHT + 4}' aria-hidden='true'>{grid}<svg height='{TIME_HEIGHT}' "
            f"viewBox='0 0 1000 {TIME_HEIGHT}' preserveAspectRatio='none'>{drawn}</svg></svg></div>"
            f"<p class='key'>{words}; over {number(longest)} s</p></figure>")


def _time_line(look: str, places: Sequence[tuple[float, float]]) -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    return (f"<polyline class='{look}' points='{path}' style='fill:none;stroke-width:1.5' "
            "vector-effect='non-scaling-stroke'/>")


def _extent(points: Sequence[tuple[float, float]]) -> str:
    figures = [figure for _, figure in points]
    return f"{number(min(figures))} to {number(max(figures))}"
