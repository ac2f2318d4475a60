# SPDX-License-Identifier: BSD-3-Clause
"""What a command writes into a page: a table or a sentence between two marks, which are comments."""

from collections.abc import Sequence

from bellwire.core.places import HarnessError


def begin(name: str) -> str:
    return f"<!-- {name} -->\n"


def end(name: str) -> str:
    return f"<!-- /{name} -->\n"


def replaced(text: str, name: str, lines: str) -> str:
    """`text` with these lines between the marks of that name."""
    before, _, after = _parts(text, name)
    return before + begin(name) + lines + end(name) + after


def between(text: str, name: str) -> str:
    return _parts(text, name)[1]


def _parts(text: str, name: str) -> tuple[str, str, str]:
    before, found, rest = text.partition(begin(name))
    lines, ended, after = rest.partition(end(name))
    if not found or not ended:
        raise HarnessError(f"the page has no marks {begin(name).strip()} and {end(name).strip()}")
    return before, lines, after


def row(cells: Sequence[str]) -> str:
    """A row of a table in Markdown."""
    return f"| {' | '.join(cell if cell.startswith('**') else plain(cell) for cell in cells)} |"


def plain(cell: str) -> str:
    """Escapes what Markdown would interpret, but for the rule below the headings."""
    return cell if set(cell) <= set("-:") else cell.replace("|", "\\|").replace("*", "\\*")
