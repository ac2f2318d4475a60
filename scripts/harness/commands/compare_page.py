# SPDX-License-Identifier: BSD-3-Clause
"""The comparison as one page: the note's claims, then plots of latency, bursts and set-up."""

from collections.abc import Callable, Iterator, Sequence
from html import escape
from operator import itemgetter
from typing import Any

from bellwire.report import html
from bellwire.report.charts import STYLE, Row, Scale, bar, dot, histogram, row_chart, span
from bellwire.report.html import Html, table
from bellwire.report.figures import number

DIRECTIONS = ("user → user", "kernel → user", "user → kernel", "round trip")
Draw = Callable[[dict[str, Any], Scale], tuple[str, str]]  # a row's marks, and its words
COLOURS = {"guest": "first", "host": "second"}
PLACES = {"guest": "in the guest", "host": "on this host"}
LEGEND = """How to read the plots: the dot is the median (p50), the thick line goes from it to p99, the
thin one to p99.9; behind them stands how often each time came. Scales are logarithmic: from one mark
to the next it may be ten times as much. In the table, <i>merges</i> says that several notifications
can become one wake-up, <i>data</i> that they carry some, <i>order</i> that it is kept, and <i>in irq</i>
that the kernel may notify from an interrupt handler. <b class='first'>Blue</b> is the guest, <b class='second'>brown</b> this host."""
VERDICTS = {"true": "good", "false": "bad"}


def page(result: dict[str, Any]) -> str:
    rows = [row for row in result["rows"] if not row["reason"]]
    parts = [heading(result["machine"]), claims(result["claims"])]
    for direction in DIRECTIONS:
        for where, place in PLACES.items():
            some = [row for row in rows if (row["direction"], row["where"]) == (direction, where)]
            if some:
                parts += [f"<h2>{escape(direction)}, {place}</h2>", *plots(some)]
    parts += [figures(rows), unmeasured([row for row in result["rows"] if row["reason"]])]
    return html.document("How to wake somebody", STYLE, parts)


def heading(machine: dict[str, Any]) -> str:
    where = (f"Guest: QEMU {machine['qemu']}, {machine['accel'].upper()}, kernel "
             f"{machine['kernel']}, {machine['guest_cpus']} CPU. Host: "
             f"{machine['host_kernel']}, {machine['host_cpus']} CPU. {machine['count']:,} "
             "notifications of each mechanism, half of them one at a time, half in a burst.")
    return f"<p>{escape(where)}</p><p class='key'>{LEGEND}</p>"


def claims(found: Sequence[dict[str, Any]]) -> str:
    rows = ((Html(f"{escape(claim['claim'])}<br><small>{escape(claim['measured'])}</small>"),
             Html(f"<span class='verdict {VERDICTS.get(claim['verdict'].split()[0], '')}'>"
                  f"{escape(claim['verdict'])}</span>")) for claim in found)
    return ("<h2>The note's claims, and this run</h2>"
            + table("claims", ("claim, and what was measured", "verdict"), rows))


def plots(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    yield ranked("Latency in µs, the quickest first", rows,
                 "p50_us", [value for row in rows for value in (row["p50_us"], row["p999_us"])],
                 latency)
    if burst := [row for row in rows if row.get("burst_per_second")]:
        yield ranked("Notifications per second in a burst, and their wake-ups", burst,
                     "burst_per_second", [row["burst_per_second"] for row in burst],
                     bars("burst_per_second", "wakeups", "{:,} wake-ups"), descending=True)
    if made := [row for row in rows if row.get("setup_us")]:
        yield ranked("Set-up until the first notification, µs, and its system calls", made,
                     "setup_us", [row["setup_us"] for row in made],
                     bars("setup_us", "setup_syscalls", "{:,} calls"))


def ranked(title: str, rows: Sequence[dict[str, Any]], key: str, values: Sequence[float],
           draw: Draw, descending: bool = False) -> str:
    scale = Scale(values)
    ordered = sorted(rows, key=itemgetter(key), reverse=descending)
    return row_chart(title, scale, (Row(row["name"], *draw(row, scale)) for row in ordered))


def latency(row: dict[str, Any], scale: Scale) -> tuple[str, str]:
    colour = COLOURS[row["where"]]
    p50, p99, p999 = (row[key] for key in ("p50_us", "p99_us", "p999_us"))
    return (histogram(scale, row["histogram"], f"{colour} soft")
            + span(scale, p50, p999, colour, 10, 1) + span(scale, p50, p99, colour, 10, 3)
            + dot(scale, p50, colour, 10), f"p50 {number(p50)}, p99 {number(p99)}, p99.9 {number(p999)}")


def bars(key: str, beside: str, words: str) -> Draw:
    def draw(row: dict[str, Any], scale: Scale) -> tuple[str, str]:
        more = "" if row.get(beside) is None else f"; {words.format(row[beside])}"
        return (bar(scale, row[key], f"{COLOURS[row['where']]} soft", 3, 14),
                number(row[key]) + more)

    return draw


COLUMNS = (
    ("name", "mechanism"), ("direction", "direction"), ("where", "where"), ("cpus", "CPUs"),
    ("p50_us", "p50 µs"), ("p99_us", "p99 µs"), ("p999_us", "p99.9 µs"),
    ("burst_per_second", "per s"), ("wakeups", "wake-ups"), ("coalesces", "merges"),
    ("carries_data", "data"), ("keeps_order", "order"), ("atomic", "in irq"),
    ("setup_us", "set-up µs"), ("setup_syscalls", "calls"), ("teardown_us", "tear-down µs"),
    ("user_lines", "user lines"), ("kernel_lines", "kernel lines"))


def figures(rows: Sequence[dict[str, Any]]) -> str:
    return "<h2>All figures</h2>" + table(
        "figures", [title for _, title in COLUMNS],
        ([row.get(key) for key, _ in COLUMNS] for row in rows))


def unmeasured(rows: Sequence[dict[str, Any]]) -> str:
    if not rows:
        return ""
    return "<h2>What is not available, and why</h2>" + table(
        "unmeasured", ("mechanism", "direction", "reason", "in the kernel's source"),
        ([row.get(key) for key in ("name", "direction", "reason", "source")] for row in rows))
