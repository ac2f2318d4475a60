# SPDX-License-Identifier: BSD-3-Clause
"""Imports Chrome's trace events as strictly as Perfetto does: whatever that would drop, move to
another track or count as an error is in `faults`.

Perfetto reads each number by itself: microseconds as a double, which is then rounded to whole
nanoseconds; until 2025 it cut the rest off. Events are sorted by time, in the file's order where
that is the same. On a track a slice begins inside of those that are still open; one that begins in
another and ends behind it is an error. A flow's event belongs to the innermost open slice.
"""

from typing import Any
import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

NUMBER = re.compile(r"-?\d+\.\d{3}")  # how microseconds are to be written
ROUNDED, CUT_OFF = "rounded", "cut off"
MODES = (ROUNDED, CUT_OFF)


@dataclass
class Slice:
    name: str
    category: str
    began: int  # ns
    took: int
    track: tuple[int, int]  # process, thread
    parent: "Slice | None"

    @property
    def end(self) -> int:
        return self.began + self.took


@dataclass
class Imported:
    slices: list[Slice] = field(default_factory=list)
    flows: dict[int, list[Slice]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    instants: list[tuple[str, int, tuple[int, int]]] = field(default_factory=list)  # name, at, track


def nanoseconds(written: str, mode: str) -> int:
    """The nanoseconds of a number in JSON, as Perfetto's own reader of numbers finds them."""
    whole, _, part = written.partition(".")
    if not NUMBER.fullmatch(written):
        return math.floor(float(written) * 1000 + 0.5)
    us = float(abs(int(whole))) + int(part or 0) / float(10 ** len(part))
    ns = math.floor(us * 1000 + 0.5) if mode == ROUNDED else math.trunc(us * 1000)
    return -ns if whole.startswith("-") else ns


def load(text: str) -> list[dict[str, Any]]:
    """The events. Numbers with a point stay as they are written."""
    def refuse(what: str) -> None:
        raise ValueError(f"{what} is not JSON")

    events: list[dict[str, Any]] = json.loads(
        text, parse_float=str, parse_constant=refuse)["traceEvents"]
    return events


def read(text: str, mode: str = ROUNDED) -> Imported:
    imported = Imported()
    timed = []
    for event in load(text):
        if event["ph"] == "M":
            continue
        if event["ph"] == "i":
            imported.instants.append((event["name"], nanoseconds(str(event["ts"]), mode),
                                      (event["pid"], event["tid"])))
            continue
        for key in ("ts", "dur") if event["ph"] == "X" else ("ts",):
            if not NUMBER.fullmatch(str(event[key])) or str(event[key]).startswith("-"):
                imported.faults.append(f"{key} is written {event[key]}")
        timed.append((nanoseconds(str(event["ts"]), mode), event))
    open_: dict[tuple[int, int], list[Slice]] = {}
    for at, event in sorted(timed, key=lambda each: each[0]):
        stack = open_.setdefault((event["pid"], event["tid"]), [])
        if event["ph"] == "X":
            _begin(imported, stack, at, nanoseconds(str(event["dur"]), mode), event)
        else:
            _flow(imported, stack, event)
    for id_, slices in imported.flows.items():
        if len(slices) < 2:
            imported.faults.append(f"flow {id_} has one end")
    return imported


def _begin(imported: Imported, stack: list[Slice], at: int, took: int, event: dict[str, Any]) -> None:
    # A slice that ends here is over; but two slices without length nest.
    while stack and (stack[-1].end < at or
                     stack[-1].end == at and not (stack[-1].took == 0 and took == 0)):
        stack.pop()
    if stack and at < stack[-1].end < at + took:
        imported.faults.append(f"{event['name']} at {at} crosses {stack[-1].name}")
        return
    track = event["pid"], event["tid"]
    stack.append(Slice(event["name"], event["cat"], at, took, track, stack[-1] if stack else None))
    imported.slices.append(stack[-1])


def _flow(imported: Imported, stack: list[Slice], event: dict[str, Any]) -> None:
    known = imported.flows.get(event["id"])
    if not stack:
        imported.faults.append(f"flow {event['id']} has no slice around it")
    elif (event["ph"] == "s") == (known is not None):
        imported.faults.append(f"flow {event['id']} begins twice, or goes on before it began")
    else:
        imported.flows.setdefault(event["id"], []).append(stack[-1])


def strays(imported: Imported) -> Iterable[Slice]:
    """Hops that are not in their request's slice, on a track where there are such."""
    homes = {each.track[0] for each in imported.slices if each.category == "request"}
    for each in imported.slices:
        if each.category != "hop" or each.track[0] not in homes:
            continue
        around = each.parent
        while around and around.category != "request":
            around = around.parent
        if not around:
            yield each
