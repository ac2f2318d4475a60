# SPDX-License-Identifier: BSD-3-Clause
"""Tables of plain text, and how figures are written, in text as on pages."""

from collections.abc import Sequence
from dataclasses import dataclass


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


@dataclass(frozen=True)
class Column:
    """Words go to the left, figures to the right; with `decimals`, points stand in a column."""

    heading: str
    width: int
    left: bool = False
    decimals: int | None = None

    def cell(self, value: object) -> str:
        fixed = isinstance(value, float) and self.decimals is not None
        shown = f"{value:,.{self.decimals}f}" if fixed else text(value)
        return shown.ljust(self.width) if self.left else shown.rjust(self.width)


class TextTable:
    """Rows that can be printed one by one, as their figures come; their widths are fixed."""

    def __init__(self, columns: Sequence[Column], gap: int = 2) -> None:
        self._columns = columns
        self._gap = " " * gap

    def heading(self) -> str:
        return self.row([column.heading for column in self._columns])

    def row(self, values: Sequence[object]) -> str:
        """A row may end early; what stands in the last column of a short one may be longer."""
        cells = (column.cell(value) for column, value in zip(self._columns, values))
        return self._gap.join(cells).rstrip()
