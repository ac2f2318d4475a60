# SPDX-License-Identifier: BSD-3-Clause
"""A benchmark's results as one page: the verdict, then each suite's ratios, rows and figures."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from itertools import cycle
from typing import Any

from bellwire.report import charts, html
from bellwire.report.charts import LOOKS, Row, Scale, Series
from bellwire.report.html import facts, table
from bellwire.report.figures import number

STYLE = charts.STYLE + """
ul.summary { padding-left: 1.2rem } .missed .words { color: var(--bad); font-weight: 600 }
.side { display: grid; gap: 0 2rem;
  grid-template-columns: repeat(auto-fit, minmax(min(20rem, 100%), 1fr)) }
"""
TIMES = ("_ns", "_us", " ns", "seconds")  # how figures that are times end
VERDICTS = {None: "", True: "kept", False: "missed"}


def page(results: dict[str, Any]) -> str:
    return html.document("What the wires cost", STYLE, [heading(results), *(
        section(result, results["machine"]) for result in results["suites"])])


def heading(results: dict[str, Any]) -> str:
    limited = [ratio for ratio in results["ratios"] if ratio["ok"] is not None]
    missed = [ratio for ratio in limited if not ratio["ok"]]
    items = "".join(f"<li class='bad'>✗ {link(ratio['suite'])}: {escape(ratio['name'])}: "
                    f"{number(ratio['value'])}, at most {number(ratio['limit'])}</li>"
                    for ratio in missed)
    items += "".join(f"<li>without {escape(name)}: {escape(reason)}</li>"
                     for name, reason in results["left_out"].items())
    suites = ", ".join(link(result["suite"]) for result in results["suites"])
    return (facts({"date": results["date"], **results["machine"]}) +
            f"<p><b>{len(limited) - len(missed)} of {len(limited)} limits are kept.</b> Each suite "
            f"has its ratios, what was measured, and all figures: {suites}.</p>"
            f"<ul class='summary'>{items}</ul>")


def link(suite: str) -> str:
    return f"<a href='#{escape(suite)}'>{escape(suite)}</a>"


def section(result: dict[str, Any], known: Mapping[str, object]) -> str:
    """`known`: facts that the page has already."""
    name = escape(result["suite"])
    own = {key: value for key, value in result["machine"].items() if known.get(key) != value}
    return "\n".join([
        f"<section aria-labelledby='{name}'><h2 id='{name}'>{name}: {escape(result['what'])}</h2>",
        facts(own | {"rounds": result["rounds"]}), ratios(result["ratios"]),
        *plots(result), figures(result), "</section>"])


def ratios(found: Sequence[dict[str, Any]]) -> str:
    if not found:
        return ""
    scale = Scale([value for ratio in found
                   for value in (*ratio["spread"], ratio["limit"]) if value is not None])
    title = "Ratios: the median of the rounds, their middle half, and the limit (an upright line)"
    return charts.row_chart(title, scale, (ratio_row(ratio, scale) for ratio in found))


def ratio_row(ratio: dict[str, Any], scale: Scale) -> Row:
    """A ratio over its limit is a diamond, and its words say so."""
    value, limit, missed = ratio["value"], ratio["limit"], ratio["ok"] is False
    colour = "bad" if missed else "first"
    low, high = ratio["spread"]
    marks = charts.span(scale, low, high, colour, 10, 3)
    if limit is not None:
        marks += charts.limit(scale, limit)
    marks += (charts.diamond if missed else charts.dot)(scale, value, colour, 10)
    words = number(value)
    if limit is not None:
        words = f"✗ {words}, over {number(limit)}" if missed else f"{words} of {number(limit)}"
    return Row(ratio["name"], marks, words, "row missed" if missed else "row")


def plots(result: dict[str, Any]) -> Iterator[str]:
    """Of each time, or of each figure where none is a time: lines where rows do the same with
    another number of something, of the others a row each."""
    columns = result["columns"]
    drawn = {key: heading for key, heading in columns.items()
             if key.endswith(TIMES) and not key.startswith("p99_")} or columns
    series: dict[str, list[dict[str, Any]]] = {}
    for row in result["rows"]:
        series.setdefault(row.get("series", ""), []).append(row)
    alone = series.pop("", [])
    baseline = baseline_of(result)
    grown = "".join(growth(name, rows, drawn, baseline) for name, rows in series.items())
    yield f"<div class='side'>{grown}</div>" if grown else ""
    for key, heading in drawn.items():
        if some := [row for row in alone if row.get(key) is not None]:
            top = key.replace("p50_", "p99_")
            yield spans(heading, some, key, top if top in columns else key, baseline)


def baseline_of(result: Mapping[str, Any]) -> str:
    """The name of what rows are measured beside."""
    name: str = result.get("baseline", "bare C")
    return name


def growth(name: str, rows: Sequence[dict[str, Any]], drawn: Mapping[str, str], baseline: str
           ) -> str:
    found: list[Series] = []
    for look, (key, heading) in zip(cycle(LOOKS), drawn.items()):
        ours = [(row["at"], row[key]) for row in rows if row.get(key) is not None]
        bare = [(row["at"], each[key]) for row in rows if (each := bare_of(row, key))]
        found += [Series(heading, ours, look),
                  Series(f"{heading}, {baseline}", bare, look, hollow=True)]
    return charts.line_chart(name, [series for series in found if series.points])


def spans(heading: str, rows: Sequence[dict[str, Any]], key: str, top: str, baseline: str) -> str:
    bare = [found for row in rows if (found := bare_of(row, key))]
    scale = Scale([figures_of[each] for figures_of in (*rows, *bare) for each in (key, top)])
    title = heading + (", and to p99" if top != key else "") + (
        f"; below it, hollow: {baseline}" if bare else "")
    return charts.row_chart(title, scale, (span(row, scale, key, top) for row in rows))


def bare_of(row: dict[str, Any], key: str) -> dict[str, Any] | None:
    """The row of its bare counterpart, if that has the figure."""
    bare = row.get("bare")
    return bare if bare and bare.get(key) is not None else None


def span(row: dict[str, Any], scale: Scale, key: str, top: str) -> Row:
    bare = bare_of(row, key)
    y = 6 if bare else 10
    marks = charts.span(scale, row[key], row[top], "first", y, 3)
    marks += charts.dot(scale, row[key], "first", y)
    words = number(row[key])
    if bare:
        marks += charts.span(scale, bare[key], bare[top], "second dashed", 15, 2)
        marks += charts.dot(scale, bare[key], "second hollow", 15)
        words += f", bare {number(bare[key])}"
    return Row(row["name"], marks, words)


def figures(result: dict[str, Any]) -> str:
    name, columns = result["suite"], result["columns"]
    counted = [key for key in columns if any(row.get(key) is not None for row in result["rows"])]
    of_rows = ([row["name"], *(row.get(key) for key in counted)]
               for row in with_bare(result["rows"], baseline_of(result)))
    of_ratios = ([ratio["name"], ratio["value"], *ratio["spread"], ratio["limit"],
                  VERDICTS[ratio["ok"]]] for ratio in result["ratios"])
    return ("<details><summary>All figures</summary>"
            + table(f"{name}-ratios", ("ratio", "value", "from", "to", "at most", "verdict"),
                    of_ratios)
            + table(f"{name}-figures", ("row", *(columns[key] for key in counted)), of_rows)
            + "</details>")


def with_bare(rows: Sequence[dict[str, Any]], baseline: str) -> Iterator[dict[str, Any]]:
    for row in rows:
        yield row
        if row.get("bare"):
            yield {"name": f"{row['name']}, {baseline}", **row["bare"]}
