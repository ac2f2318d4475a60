# SPDX-License-Identifier: BSD-3-Clause
"""What a soak has measured: samples of processes, whether they grow, and the page of it all."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from bellwire.report import html
from bellwire.report.charts import LOOKS, STYLE, time_chart
from bellwire.report.figures import Column, TextTable, median
from bellwire.report.html import Html, table

WATCHED = ("switchboard", "bystander's device")  # ours, and never started again
# By which the median of the run's last quarter may be above that of its second; the first warms up.
MOST_GROWTH = {"memory": (0.05, 2048.0), "descriptors": (0.0, 0.5), "threads": (0.0, 0.5)}
UNITS = {"memory": "KiB", "descriptors": "", "threads": ""}


@dataclass(frozen=True)
class Process:
    memory: int  # KiB, that are its own
    descriptors: int
    threads: int


@dataclass(frozen=True)
class Sample:
    second: float
    processes: Mapping[str, Process]  # those that ran


def sample(second: float, pids: Mapping[str, int | None]) -> Sample:
    found = ((name, _look(pid)) for name, pid in pids.items() if pid)
    return Sample(second, {name: process for name, process in found if process})


def _look(pid: int) -> Process | None:
    """None: it has just ended."""
    folder = Path(f"/proc/{pid}")
    try:
        status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
        return Process(int(status["RssAnon"].split()[0]), len(list((folder / "fd").iterdir())),
                       int(status["Threads"]))
    except (OSError, KeyError):
        return None


def series(samples: Sequence[Sample], process: str, figure: str) -> list[tuple[float, float]]:
    return [(each.second, float(getattr(each.processes[process], figure))) for each in samples
            if process in each.processes]


def spans(samples: Sequence[Sample]) -> list[dict[str, Any]]:
    """Each figure of each watched process: its medians in the second and in the last quarter of the run."""
    found: list[dict[str, Any]] = []
    for process in WATCHED:
        for figure in MOST_GROWTH:
            points = series(samples, process, figure)
            quarter = len(points) // 4
            if quarter:
                found.append({"process": process, "figure": figure, "unit": UNITS[figure],
                       "before": median(value for _, value in points[quarter:2 * quarter]),
                       "after": median(value for _, value in points[-quarter:])})
    return found


def growth(samples: Sequence[Sample]) -> list[str]:
    """A line for each figure that has grown by more than it may."""
    found = spans(samples)
    lines = [f"{process}: it was not seen for long enough" for process in WATCHED
             if process not in {each["process"] for each in found}]
    for each in found:
        part, least = MOST_GROWTH[each["figure"]]
        if each["after"] - each["before"] > max(least, part * each["before"]):
            lines.append(f"{each['process']}: {each['figure']} grew from {each['before']:,.0f} to "
                         f"{each['after']:,.0f} {each['unit']}".rstrip())
    return lines


def table_of(samples: Sequence[Sample]) -> str:
    columns = TextTable((Column("process", 20, left=True), Column("figure", 12, left=True),
                         Column("then", 10), Column("at the end", 10)))
    rows = [columns.row([each["process"], f"{each['figure']} {each['unit']}".rstrip(),
                         each["before"], each["after"]]) for each in spans(samples)]
    return "\n".join([columns.heading(), *rows])


def page(facts: Mapping[str, object], machine: Mapping[str, object], troubles: Sequence[str],
         samples: Sequence[Sample], latencies: Sequence[tuple[float, float, float]],
         happened: Mapping[str, int]) -> str:
    verdict = ("<p class='bad'><b>Something was lost, or grew.</b></p><ul>"
               + "".join(f"<li>{escape(trouble)}</li>" for trouble in troubles) + "</ul>"
               ) if troubles else "<p class='good'><b>Nothing was lost, and nothing grew.</b></p>"
    parts = [verdict, html.facts(facts), html.facts(machine), "<h2>The bystander's round trip</h2>",
             time_chart("µs, of each run", [("p50", LOOKS[0], [(at, p50) for at, p50, _ in latencies]),
                                            ("p99", LOOKS[1], [(at, p99) for at, _, p99 in latencies])])]
    for figure, unit in UNITS.items():
        parts.append(f"<h2>{figure.capitalize()}{f', {unit}' * bool(unit)}</h2>")
        parts += [time_chart(name, [(name, LOOKS[0], series(samples, name, figure))])
                  for name in dict.fromkeys(name for each in samples for name in each.processes)]
    parts.append("<h2>What happened to the victim</h2>" + table(
        "happened", ("what", "times"), Counter(happened).most_common()))
    parts.append("<h2>What must not grow</h2>" + table(
        "growth", ("process", "figure", "in the second quarter", "in the last"),
        ((each["process"], Html(escape(f"{each['figure']} {each['unit']}".rstrip())), each["before"],
          each["after"]) for each in spans(samples))))
    return html.document("Soak", STYLE, parts)
