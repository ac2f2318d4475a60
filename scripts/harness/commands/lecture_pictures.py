# SPDX-License-Identifier: BSD-3-Clause
"""The lecture's pictures, drawn from figures.json: a file of SVG each, for light and dark, and the
line of text that says the same."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from bellwire.report.figures import number

WIDTH = 760
STYLE = """<style>text { font: 14px system-ui, sans-serif; fill: #1c2430 }
.faint { fill: #5f6a78 } .grid { stroke: #d5dae1 } .end { text-anchor: end }
.middle { text-anchor: middle } .first { fill: #2a6fb0; stroke: #2a6fb0 }
.second { fill: #b0622a; stroke: #b0622a } .third { fill: #2c7a4b; stroke: #2c7a4b }
@media (prefers-color-scheme: dark) { text { fill: #e4e8ee } .faint { fill: #98a3b3 }
.grid { stroke: #39424f } .first { fill: #6fb1ec; stroke: #6fb1ec }
.second { fill: #e9a06a; stroke: #e9a06a } .third { fill: #6cc791; stroke: #6cc791 } }</style>"""
SIDES = {"process": "first", "module": "second", "device": "third"}  # in the order of their lanes
Figures = Mapping[str, Any]


@dataclass(frozen=True)
class Picture:
    name: str
    draw: Callable[[Figures], str]  # SVG
    say: Callable[[Figures], str]   # a sentence or two


def svg(height: int, title: str, marks: Sequence[str]) -> str:
    return ("<!-- SPDX-License-Identifier: BSD-3-Clause -->\n"
            f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {height}' role='img'>"
            f"<title>{escape(title)}</title>{STYLE}\n" + "\n".join(marks) + "\n</svg>\n")


def words(x: float, y: float, text: str, kind: str = "") -> str:
    return f"<text x='{x:g}' y='{y:g}' class='{kind}'>{escape(text)}</text>"


def hops(figures: Figures) -> str:
    """A lane for each side, and the stages of a request from the top down."""
    lanes = {side: 190 + 210 * place for place, side in enumerate(SIDES)}
    stages = figures["hops"]
    bottom = 60 + 30 * len(stages)
    marks = [f"<line class='grid' x1='{x}' x2='{x}' y1='38' y2='{bottom}'/>" for x in lanes.values()]
    marks += [words(x, 26, side, "middle") for side, x in lanes.items()]
    for place, stage in enumerate(stages):
        x, y = lanes[stage["side"]], 60 + 30 * place
        if place:
            before = lanes[stages[place - 1]["side"]]
            marks.append(f"<line class='{SIDES[stage['side']]}' x1='{before}' y1='{y - 30}' x2='{x}' "
                         f"y2='{y}' stroke-width='2'/>")
        marks += [words(80, y + 5, f"{stage['us']:.1f} µs", "end faint"),
                  f"<circle class='{SIDES[stage['side']]}' cx='{x}' cy='{y}' r='5'/>",
                  words(x - 14, y + 5, stage["name"], "end") if _goes_right(stages, lanes, place)
                  else words(x + 14, y + 5, stage["name"])]
    return svg(bottom + 10, "one request, from submitted to done", marks)


def _goes_right(stages: Sequence[Mapping[str, Any]], lanes: Mapping[str, int], place: int) -> bool:
    """Whether a line leads from that stage to a lane on its right: its name stands on the left."""
    beside = stages[max(place - 1, 0):place + 2]
    return any(lanes[stage["side"]] > lanes[stages[place]["side"]] for stage in beside)


def say_hops(figures: Figures) -> str:
    stages = figures["hops"]
    steps = [(after["us"] - before["us"], before["name"], after["name"])
             for before, after in zip(stages, stages[1:])]
    longest, begin, end = max(steps)
    return (f"A request goes round in {stages[-1]['us']:.0f} µs here (medians of "
            f"{figures['requests']:,}, one at a time). The longest hop, {longest:.0f} µs, is from "
            f"*{begin}* to *{end}*.")


def bars(title: str, rows: Sequence[tuple[str, float, str, str]]) -> str:
    """For each row a label, a figure, its words and its kind."""
    left, right = 230, 560
    most = max(figure for _, figure, _, _ in rows)
    marks = []
    for place, (label, figure, said, kind) in enumerate(rows):
        y = 14 + 26 * place
        width = max(figure / most * (right - left), 1)
        marks += [words(left - 10, y + 14, label, "end"),
                  f"<rect class='{kind}' x='{left}' y='{y}' width='{width:.1f}' height='18'/>",
                  words(left + width + 8, y + 14, said, "faint")]
    return svg(20 + 26 * len(rows), title, marks)


def merging(figures: Figures) -> str:
    rows = []
    for run in figures["depths"]:
        for what, kind in (("doorbells", "first"), ("interrupts", "second")):
            per = 1000 * run[what] / run["rings"]
            label = f"{run['depth']} under way: {what}" if what == "doorbells" else what
            rows.append((label, per, number(round(per, 1)), kind))
    return bars("doorbells and interrupts for 1,000 requests", rows)


def say_merging(figures: Figures) -> str:
    one, many = figures["depths"][0], figures["depths"][-1]
    return (f"Doorbells and interrupts for 1,000 requests. With {one['depth']} under way, "
            f"{one['rings']:,} requests took {one['doorbells']:,} doorbells and "
            f"{one['interrupts']:,} interrupts; with {many['depth']}, {many['rings']:,} took "
            f"{many['doorbells']:,} and {many['interrupts']:,}. All were answered, once each.")


def ways(figures: Figures) -> str:
    rows = [(row["name"], row["p50_us"], f"{row['p50_us']:.1f} µs",
             "first" if "eventfd" in row["name"] else "second") for row in figures["ways"]]
    return bars("how long a kernel takes to wake a process, medians", rows)


def say_ways(figures: Figures) -> str:
    quick, slow = figures["ways"][0], figures["ways"][-1]
    return (f"The kernel wakes a process: {len(figures['ways'])} ways that sleep, medians in a guest. "
            f"{quick['name']} takes {quick['p50_us']:.1f} µs, {slow['name']} {slow['p50_us']:.1f}.")


def exits(figures: Figures) -> str:
    return bars("what a guest's write costs", [
        (row["name"], row["ns"], f"{row['ns']:,.0f} ns", kind)
        for row, kind in zip(figures["exits"]["rows"], ("third", "second", "first"))])


def say_exits(figures: Figures) -> str:
    loop, user, event = (row["ns"] for row in figures["exits"]["rows"])
    return (f"A guest's write to a doorbell on KVM takes {user - loop:,.0f} ns when it ends the run of "
            f"the guest so that user space hears of it, and {event - loop:,.0f} ns as an ioeventfd: "
            f"the loop that measures takes {loop:,.0f} ns alone. ({figures['exits']['accelerator']}, "
            f"{figures['exits']['cpu']}; `scripts/bench kvm`)")


PICTURES = (Picture("hops", hops, say_hops), Picture("merging", merging, say_merging),
            Picture("ways", ways, say_ways), Picture("exits", exits, say_exits))
