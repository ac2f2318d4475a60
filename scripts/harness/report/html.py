# SPDX-License-Identifier: BSD-3-Clause
"""Pages that need no other file, no network and no script, and that read well in light and dark,
on a phone and on paper. charts.py draws what stands on them."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape

from bellwire.report.figures import text

STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --faint: #5f6a78; --line: #d5dae1;
  --paper: #fbfbfa; --first: #2a6fb0; --second: #b0622a; --good: #2c7a4b; --bad: #b3302f }
@media screen and (prefers-color-scheme: dark) { :root { --ink: #e4e8ee; --faint: #98a3b3;
  --line: #39424f; --paper: #14181e; --first: #6fb1ec; --second: #e9a06a; --good: #6cc791;
  --bad: #ff8a86 } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 62rem; margin: 2rem auto; padding: 0 1rem; text-size-adjust: none }
h1 { font-size: 1.6rem; line-height: 1.2; margin-bottom: 0 }
h2 { margin: 2.5rem 0 .3rem; font-size: 1.2rem }
p, figcaption, td small, dt { color: var(--faint) } p b { color: var(--ink) }
a { color: var(--first) }
.wide { overflow-x: auto } :focus-visible { outline: 2px solid var(--first); outline-offset: 3px }
table { border-collapse: collapse; font-size: .85rem; width: 100% }
td, th { border-bottom: 1px solid var(--line); padding: .3rem .6rem .3rem 0; text-align: left;
  vertical-align: top } td.n, th.n { text-align: right; font-variant-numeric: tabular-nums }
.good { color: var(--good) } .bad { color: var(--bad) } .verdict { white-space: nowrap }
.key { font-size: .85rem } .key b { font-weight: 600 }
b.first { color: var(--first) } b.second { color: var(--second) }
dl { display: flex; flex-wrap: wrap; gap: .2rem 1.5rem; margin: .3rem 0; font-size: .85rem }
dl div { display: flex; gap: .4rem } dd { margin: 0 }
details { margin: 1rem 0 } summary { cursor: pointer }
@media print { body { margin: 0; max-width: none } figure, tr, li { break-inside: avoid }
  h2 { break-after: avoid } .wide { overflow: visible } }
"""
NUMBER = " class='n'"


def document(title: str, style: str, parts: Iterable[str]) -> str:
    return ("<!doctype html>\n<html lang='en'><meta charset='utf-8'>"
            "<meta name='viewport' content='width=device-width'>"
            f"<title>{escape(title)}</title><style>{STYLE}{style}</style>\n<h1>{escape(title)}</h1>"
            + "\n".join(parts) + "\n</html>\n")


def table(name: str, headings: Sequence[str], rows: Iterable[Iterable[object]]) -> str:
    """Its id is `name`. A table that is too wide scrolls, also by the keyboard."""
    cells = [[cell(value) for value in row] for row in rows]
    figures = [any(NUMBER in each for each in column) for column in zip(*cells)]
    head = "".join(f"<th scope='col'{NUMBER if figure else ''}>{escape(heading)}</th>"
                   for heading, figure in zip(headings, figures or [False] * len(headings)))
    body = "".join(f"<tr>{''.join(row)}</tr>" for row in cells)
    label = escape(name.replace("-", " "))
    return (f"<div class='wide' tabindex='0' role='region' aria-label='{label}'>"
            f"<table id='{escape(name)}'><tr>{head}</tr>{body}</table></div>")


class Html(str):
    """Text that is HTML already, and isn't escaped again."""


def cell(value: object) -> str:
    if isinstance(value, Html):
        return f"<td>{value}</td>"
    figure = isinstance(value, (int, float)) and not isinstance(value, bool)
    return f"<td{NUMBER if figure else ''}>{escape(text(value))}</td>"


def facts(pairs: Mapping[str, object]) -> str:
    """Names and what they stand for, in a line as long as there is room."""
    items = ((escape(key.replace("_", " ")), escape(str(value))) for key, value in pairs.items())
    return "<dl>" + "".join(f"<div><dt>{key}</dt><dd>{value}</dd></div>"
                            for key, value in items) + "</dl>"
