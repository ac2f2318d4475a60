# SPDX-License-Identifier: BSD-3-Clause
"""The comparison as one page: the note's claims, then plots of latency, bursts and set-up.

All of it is in the file, drawn here: it opens without a network, without a
script, in light and dark, on paper.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from html import escape

WIDTH, LABELS, ROW = 960, 290, 20  # of a plot, in its own units
PLOT = WIDTH - LABELS - 70
DIRECTIONS = ("user → user", "kernel → user", "user → kernel", "round trip")
STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --faint: #6b7685; --line: #d5dae1;
  --paper: #fbfbfa; --guest: #2a6fb0; --host: #b0622a; --good: #2c7a4b; --bad: #a63a3a }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e8ee; --faint: #98a3b3; --line: #39424f;
  --paper: #14181e; --guest: #6fb1ec; --host: #e9a06a; --good: #6cc791; --bad: #ef8686 } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.6rem; margin-bottom: 0 } h2 { margin: 2.5rem 0 .3rem; font-size: 1.2rem }
p, td small { color: var(--faint) } .wide { overflow-x: auto }
table { border-collapse: collapse; font-size: .85rem; width: 100% }
td, th { border-bottom: 1px solid var(--line); padding: .3rem .6rem .3rem 0; text-align: left;
  vertical-align: top } td.n, th.n { text-align: right; font-variant-numeric: tabular-nums }
.true { color: var(--good) } .false { color: var(--bad) } .verdict { white-space: nowrap }
svg { display: block; min-width: 44rem; width: 100%; height: auto; font-size: 12px }
svg text { fill: var(--ink) } svg .axis { fill: var(--faint) } svg .grid { stroke: var(--line) }
.guest { fill: var(--guest); stroke: var(--guest) } .host { fill: var(--host);
  stroke: var(--host) } .soft { fill-opacity: .3; stroke: none } .solid { stroke: none }
.key { font-size: .85rem } .key b { font-weight: 600 } b.g { color: var(--guest) }
b.h { color: var(--host) }
"""


def page(result: dict) -> str:
    rows = [row for row in result["rows"] if not row["reason"]]
    parts = [heading(result["machine"]), claims(result["claims"])]
    for direction in DIRECTIONS:
        some = [row for row in rows if row["direction"] == direction]
        if some:
            parts += [f"<h2>{escape(direction)}</h2>", *plots(some)]
    parts += [figures(rows), unmeasured([row for row in result["rows"] if row["reason"]])]
    return ("<!doctype html>\n<html lang='en'><meta charset='utf-8'>"
            "<meta name='viewport' content='width=device-width'>"
            f"<title>How to wake somebody</title><style>{STYLE}</style>\n"
            + "\n".join(parts) + "\n</html>\n")


def heading(machine: dict) -> str:
    where = (f"Guest: QEMU {machine['qemu']}, {machine['accel'].upper()}, kernel "
             f"{machine['kernel']}, {machine['guest_cpus']} CPU. Host: kernel "
             f"{machine['host_kernel']}, {machine['host_cpus']} CPU. {machine['count']:,} "
             "notifications of each mechanism, half of them one at a time, half in a burst.")
    return (f"<h1>How to wake somebody</h1><p>{escape(where)}</p><p class='key'>In the plots, "
            "<b class='g'>guest</b> and <b class='h'>host</b>; each scale is logarithmic.</p>")


def claims(found: Sequence[dict]) -> str:
    rows = "".join(
        f"<tr><td>{escape(claim['claim'])}<br><small>{escape(claim['measured'])}</small></td>"
        f"<td class='verdict {escape(claim['verdict'].split()[0])}'>{escape(claim['verdict'])}"
        "</td></tr>" for claim in found)
    return ("<h2>The note's claims, and this run</h2><div class='wide'><table id='claims'><tr>"
            f"<th>claim, and what was measured</th><th>verdict</th></tr>{rows}</table></div>")


def plots(rows: Sequence[dict]) -> Iterator[str]:
    yield plot("Latency, µs: how they are spread, the median, and to p99 and p99.9", rows,
               "p50_us", [value for row in rows for value in (row["p50_us"], row["p999_us"])],
               latency)
    if burst := [row for row in rows if row.get("burst_per_second")]:
        yield plot("Notifications a second in a burst, and their wake-ups", burst,
                   "burst_per_second", [row["burst_per_second"] for row in burst],
                   bar("burst_per_second", "wakeups", "{:,} wake-ups"), descending=True)
    if made := [row for row in rows if row.get("setup_us")]:
        yield plot("Set-up until the first notification, µs, and its system calls", made,
                   "setup_us", [row["setup_us"] for row in made],
                   bar("setup_us", "setup_syscalls", "{:,} calls"))


class Scale:
    """From a figure to its place, by its logarithm."""

    def __init__(self, values: Sequence[float]) -> None:
        above = [value for value in values if value > 0] or [1.0]
        self.low = math.floor(math.log10(min(above)))
        self.high = max(math.ceil(math.log10(max(above))), self.low + 1)

    def __call__(self, value: float) -> float:
        part = (math.log10(max(value, 10**self.low)) - self.low) / (self.high - self.low)
        return LABELS + PLOT * min(part, 1.0)

    def grid(self, height: float) -> str:
        return "".join(
            f"<line class='grid' x1='{x:.1f}' x2='{x:.1f}' y1='0' y2='{height}'/>"
            f"<text class='axis' x='{x:.1f}' y='{height + 14}' text-anchor='middle'>"
            f"{tick(power)}</text>"
            for power in range(self.low, self.high + 1) for x in (self(10.0**power),))


def tick(power: int) -> str:
    return f"{10**power:,}" if power >= 0 else f"{10.0**power:g}"


def plot(title: str, rows: Sequence[dict], key: str, values: Sequence[float],
         draw: Callable[[dict, Scale], str], descending: bool = False) -> str:
    scale = Scale(values)
    height = ROW * len(rows)
    drawn = "".join(
        f"<g transform='translate(0 {ROW * number})' class='row'><text x='{LABELS - 8}' y='14' "
        f"text-anchor='end'>{escape(label(row))}</text>{draw(row, scale)}</g>"
        for number, row in enumerate(sorted(rows, key=lambda row: row[key], reverse=descending)))
    return (f"<p>{escape(title)}</p><div class='wide'><svg viewBox='0 0 {WIDTH} {height + 20}' "
            f"role='img' aria-label='{escape(title)}'>{scale.grid(height)}{drawn}</svg></div>")


def label(row: dict) -> str:
    return row["name"] if row["where"] == "guest" else f"{row['name']} ({row['where']})"


def latency(row: dict, scale: Scale) -> str:
    side = escape(row["where"])
    p50, p99, p999 = (scale(row[key]) for key in ("p50_us", "p99_us", "p999_us"))
    most = max(count for _, count in row["histogram"])
    bars = "".join(
        f"<rect class='{side} soft' x='{scale(time):.1f}' y='{18 - 15 * count / most:.1f}' "
        f"width='3' height='{15 * count / most:.1f}'/>"
        for time, count in row["histogram"] if time > 0 and count > 0)
    return (f"{bars}<line class='{side}' x1='{p50:.1f}' x2='{p999:.1f}' y1='10' y2='10' "
            f"stroke-width='1'/><line class='{side}' x1='{p50:.1f}' x2='{p99:.1f}' y1='10' y2='10' "
            f"stroke-width='3'/><circle class='{side} solid' cx='{p50:.1f}' cy='10' r='4'/>"
            f"<text class='axis' x='{p999 + 6:.1f}' y='14'>{row['p50_us']:,.1f}</text>")


def bar(key: str, beside: str, words: str) -> Callable[[dict, Scale], str]:
    def draw(row: dict, scale: Scale) -> str:
        end = scale(row[key])
        said = f"{row[key]:,.0f}"
        if row.get(beside) is not None:
            said += f"; {words.format(row[beside])}"
        anchor, at = ("start", end + 6) if end < LABELS + PLOT * 0.75 else ("end", end - 6)
        return (f"<rect class='{escape(row['where'])} soft' x='{LABELS}' y='3' "
                f"width='{max(end - LABELS, 1):.1f}' height='14'/>"
                f"<text x='{at:.1f}' y='14' text-anchor='{anchor}'>{escape(said)}</text>")

    return draw


COLUMNS = (
    ("name", "mechanism"), ("direction", "direction"), ("where", "where"), ("cpus", "CPUs"),
    ("p50_us", "p50 µs"), ("p99_us", "p99 µs"), ("p999_us", "p99.9 µs"),
    ("burst_per_second", "per s"), ("wakeups", "wake-ups"), ("coalesces", "merges"),
    ("carries_data", "data"), ("keeps_order", "order"), ("atomic", "in irq"),
    ("setup_us", "set-up µs"), ("setup_syscalls", "calls"), ("teardown_us", "tear-down µs"),
    ("user_lines", "user lines"), ("kernel_lines", "kernel lines"))


def figures(rows: Sequence[dict]) -> str:
    head = "".join(f"<th>{escape(title)}</th>" for _, title in COLUMNS)
    body = "".join("<tr>" + "".join(cell(row.get(key)) for key, _ in COLUMNS) + "</tr>"
                   for row in rows)
    return ("<h2>All figures</h2><div class='wide'><table id='figures'><tr>"
            f"{head}</tr>{body}</table></div>")


def cell(value: object) -> str:
    match value:
        case None:
            return "<td></td>"
        case bool():
            return f"<td>{'yes' if value else 'no'}</td>"
        case float():
            return f"<td class='n'>{value:,.1f}</td>"
        case int():
            return f"<td class='n'>{value:,}</td>"
    return f"<td>{escape(str(value))}</td>"


def unmeasured(rows: Sequence[dict]) -> str:
    if not rows:
        return ""
    body = "".join(
        f"<tr><td>{escape(row['name'])}</td><td>{escape(row['direction'])}</td>"
        f"<td>{escape(row['reason'])}</td><td>{escape(row.get('source') or '')}</td></tr>"
        for row in rows)
    return ("<h2>What can't be had, and why</h2><div class='wide'><table id='unmeasured'><tr>"
            "<th>mechanism</th><th>direction</th><th>reason</th><th>in the kernel's source</th>"
            f"</tr>{body}</table></div>")
