# SPDX-License-Identifier: BSD-3-Clause
"""A run as one page: its verdict, then of each suite the ratios, the rows, and all figures."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from itertools import cycle

from harness.report import lines, page as kit, plot
from harness.report.lines import LOOKS, Line
from harness.report.page import number, table
from harness.report.plot import Row, Scale

STYLE = plot.STYLE + lines.STYLE + """
dl { display: flex; flex-wrap: wrap; gap: .2rem 1.5rem; margin: .3rem 0; font-size: .85rem }
dl div { display: flex; gap: .4rem } dd { margin: 0 } ul.summary { padding-left: 1.2rem }
.limit { stroke: var(--ink); stroke-width: 2 } .missed .told { color: var(--bad); font-weight: 600 }
.side { display: grid; gap: 0 2rem;
  grid-template-columns: repeat(auto-fit, minmax(min(20rem, 100%), 1fr)) }
.bare { stroke-dasharray: 3 2 } details { margin: 1rem 0 } summary { cursor: pointer }
"""
TIMES = ("_ns", "_us", " ns", "seconds")  # how figures that are times end
VERDICTS = {None: "", True: "kept", False: "missed"}


def page(results: dict) -> str:
    return kit.document("What the wires cost", STYLE, [heading(results), *(
        section(result, results["machine"]) for result in results["suites"])])


def heading(results: dict) -> str:
    limited = [ratio for ratio in results["ratios"] if ratio["ok"] is not None]
    missed = [ratio for ratio in limited if not ratio["ok"]]
    told = "".join(f"<li class='bad'>✗ {link(ratio['suite'])}: {escape(ratio['name'])}: "
                   f"{number(ratio['value'])}, at most {number(ratio['limit'])}</li>"
                   for ratio in missed)
    told += "".join(f"<li>without {escape(name)}: {escape(reason)}</li>"
                    for name, reason in results["left_out"].items())
    suites = ", ".join(link(result["suite"]) for result in results["suites"])
    return (facts({"date": results["date"], **results["machine"]}) +
            f"<p><b>{len(limited) - len(missed)} of {len(limited)} limits are kept.</b> Each suite "
            f"has its ratios, what was measured, and all figures: {suites}.</p>"
            f"<ul class='summary'>{told}</ul>")


def link(suite: str) -> str:
    return f"<a href='#{escape(suite)}'>{escape(suite)}</a>"


def facts(machine: Mapping[str, object]) -> str:
    told = ((escape(key.replace("_", " ")), escape(str(value))) for key, value in machine.items())
    pairs = "".join(f"<div><dt>{key}</dt><dd>{value}</dd></div>" for key, value in told)
    return f"<dl>{pairs}</dl>"


def section(result: dict, known: Mapping[str, object]) -> str:
    """`known` are the facts that needn't be told again."""
    name = escape(result["suite"])
    own = {key: value for key, value in result["machine"].items() if known.get(key) != value}
    return "\n".join([
        f"<section aria-labelledby='{name}'><h2 id='{name}'>{name}: {escape(result['what'])}</h2>",
        facts(own | {"rounds": result["rounds"]}), ratios(result["ratios"]),
        *plots(result), figures(result), "</section>"])


def ratios(all_of_them: Sequence[dict]) -> str:
    if not all_of_them:
        return ""
    scale = Scale([value for ratio in all_of_them
                   for value in (*ratio["spread"], ratio["limit"]) if value is not None])
    return plot.plot("Ratios: the middle one of the rounds, the middle half of them, and the most "
                     "that it should be (an upright line)", scale,
                     (ratio_row(ratio, scale) for ratio in all_of_them))


def ratio_row(ratio: dict, scale: Scale) -> Row:
    """One over its limit is a diamond, and says so."""
    value, limit, missed = ratio["value"], ratio["limit"], ratio["ok"] is False
    colour = "bad" if missed else "first"
    marks = plot.line(scale, *ratio["spread"], colour, 10, 3)
    if limit is not None:
        place = f"{scale(limit):.1f}%"
        marks += f"<line class='limit' x1='{place}' x2='{place}' y1='2' y2='18'/>"
    marks += (plot.diamond if missed else plot.dot)(scale, value, colour, 10)
    told = number(value)
    if limit is not None:
        told = f"✗ {told}, over {number(limit)}" if missed else f"{told} of {number(limit)}"
    return Row(ratio["name"], marks, told, "row missed" if missed else "row")


def plots(result: dict) -> Iterator[str]:
    """Of each time, or of each figure where none is a time: lines where rows do the same with
    another number of something, of the others a row each."""
    columns = result["columns"]
    drawn = {key: told for key, told in columns.items()
             if key.endswith(TIMES) and not key.startswith("p99_")} or columns
    series: dict[str, list[dict]] = {}
    for row in result["rows"]:
        series.setdefault(row.get("series", ""), []).append(row)
    alone = series.pop("", [])
    grown = "".join(growth(name, rows, drawn) for name, rows in series.items())
    yield f"<div class='side'>{grown}</div>" if grown else ""
    for key, told in drawn.items():
        if some := [row for row in alone if row.get(key) is not None]:
            top = key.replace("p50_", "p99_")
            yield spans(told, some, key, top if top in columns else key)


def growth(name: str, rows: Sequence[dict], drawn: Mapping[str, str]) -> str:
    found: list[Line] = []
    for look, (key, told) in zip(cycle(LOOKS), drawn.items()):
        ours = [(row["at"], row[key]) for row in rows if row.get(key) is not None]
        bare = [(row["at"], each[key]) for row in rows if (each := bare_of(row, key))]
        found += [Line(told, ours, look), Line(f"{told}, bare C", bare, look, hollow=True)]
    return lines.lines(name, [line for line in found if line.points])


def spans(told: str, rows: Sequence[dict], key: str, top: str) -> str:
    bare = [found for row in rows if (found := bare_of(row, key))]
    scale = Scale([figures_of[each] for figures_of in (*rows, *bare) for each in (key, top)])
    title = told + (", and to p99" if top != key else "") + (
        "; below it, hollow: bare C" if bare else "")
    return plot.plot(title, scale, (span(row, scale, key, top) for row in rows))


def bare_of(row: dict, key: str) -> dict | None:
    """Its bare one, if that has such a figure."""
    bare = row.get("bare")
    return bare if bare and bare.get(key) is not None else None


def span(row: dict, scale: Scale, key: str, top: str) -> Row:
    bare = bare_of(row, key)
    y = 6 if bare else 10
    marks = plot.line(scale, row[key], row[top], "first", y, 3)
    marks += plot.dot(scale, row[key], "first", y)
    told = number(row[key])
    if bare:
        marks += plot.line(scale, bare[key], bare[top], "second bare", 15, 2)
        marks += plot.dot(scale, bare[key], "second hollow", 15)
        told += f", bare {number(bare[key])}"
    return Row(row["name"], marks, told)


def figures(result: dict) -> str:
    name, columns = result["suite"], result["columns"]
    counted = [key for key in columns if any(row.get(key) is not None for row in result["rows"])]
    of_rows = ([row["name"], *(row.get(key) for key in counted)]
               for row in with_bare(result["rows"]))
    of_ratios = ([ratio["name"], ratio["value"], *ratio["spread"], ratio["limit"],
                  VERDICTS[ratio["ok"]]] for ratio in result["ratios"])
    return ("<details><summary>All figures</summary>"
            + table(f"{name}-ratios", ("ratio", "value", "from", "to", "at most", "verdict"),
                    of_ratios)
            + table(f"{name}-figures", ("row", *(columns[key] for key in counted)), of_rows)
            + "</details>")


def with_bare(rows: Sequence[dict]) -> Iterator[dict]:
    for row in rows:
        yield row
        if row.get("bare"):
            yield {"name": f"{row['name']}, bare C", **row["bare"]}
