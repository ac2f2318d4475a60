# SPDX-License-Identifier: BSD-3-Clause
"""What several figures come to, how figures are written, and tables of them in plain text.

Percentiles are by nearest rank, the only definition in this tree. It is the same as that of
vdev/core/statistics.hpp, and both are tested with the same numbers: a percentile is always one of
the figures, never a value between two of them.
"""

import math
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


def nearest_rank(part: float, count: int) -> int:
    """The place, from 1, of the percentile `part` (0 to 1) among `count` figures in ascending
    order: the least rank that at least that part of them does not exceed. 0 if there are none."""
    exact = part * count
    rank = math.ceil(exact - 1e-9 * exact)  # 0.07 × 100 is a little over 7
    return min(max(rank, 1), count)


def percentile(ordered: Sequence[float], part: float) -> float:
    """One of `ordered`, which is in ascending order; 0 if it is empty."""
    return ordered[nearest_rank(part, len(ordered)) - 1] if ordered else 0


@dataclass(frozen=True)
class Summary:
    """Percentiles of figures of any unit; all 0 if there are none."""

    count: int
    p25: float
    p50: float
    p75: float
    p90: float
    p95: float
    p99: float
    max: float


def summarize(figures: Iterable[float]) -> Summary:
    ordered = sorted(figures)
    return Summary(len(ordered), *(percentile(ordered, part)
                                   for part in (0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1)))


def median(figures: Iterable[float]) -> float:
    return percentile(sorted(figures), 0.5)


def number(value: float) -> str:
    """Four significant digits, or all of a whole number's, and no exponent."""
    if abs(value) >= 999.95:
        return f"{value:,.0f}"
    short = f"{value:.4g}"
    return f"{value:.9f}".rstrip("0") if "e" in short else short


def text(value: object) -> str:
    """A cell: "" for what is not known."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case float():
            return number(value)
    return str(value)


PAGE = 100  # columns that every table fits in


@dataclass(frozen=True)
class Column:
    """Words go to the left, figures to the right; with `decimals`, points stand in a column. A heading
    that is wider than its column is broken into lines at its spaces."""

    heading: str
    width: int
    left: bool = False
    decimals: int | None = None

    def cell(self, value: object) -> str:
        fixed = isinstance(value, float) and self.decimals is not None
        shown = f"{value:,.{self.decimals}f}" if fixed else text(value)
        return shown.ljust(self.width) if self.left else shown.rjust(self.width)


class TextTable:
    """Rows that can be printed one by one, as their figures come; their widths are fixed, and fit on a
    page. Words that stand last in a row go on below where they would leave it."""

    def __init__(self, columns: Sequence[Column], gap: int = 2) -> None:
        self._columns = columns
        self._gap = " " * gap
        width = sum(column.width + gap for column in columns) - gap
        if width > PAGE:
            raise ValueError(f"this table has {width} columns: {PAGE} at most")

    def heading(self) -> str:
        broken = [textwrap.wrap(column.heading, column.width, break_long_words=False) or [""]
                  for column in self._columns]
        height = max(map(len, broken))
        return "\n".join(map(self.row, zip(*([""] * (height - len(lines)) + lines
                                             for lines in broken))))

    def row(self, values: Sequence[object]) -> str:
        """A row may end early; what stands in the last column of a short one may be longer."""
        cells = [column.cell(value) for column, value in zip(self._columns, values)]
        line = self._gap.join(cells).rstrip()
        if len(line) <= PAGE:
            return line
        begin = self._gap.join([*cells[:-1], ""])
        words = textwrap.wrap(cells[-1], PAGE - len(begin), break_long_words=False)
        return begin + f"\n{'':{len(begin)}}".join(words)
