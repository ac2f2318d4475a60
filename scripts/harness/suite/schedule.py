# SPDX-License-Identifier: BSD-3-Clause
"""Decides when, beside which others and on which machine each step runs, by its earlier times.

times.json has the seconds and the CPU seconds of each step, as a run on a quiet machine of two
cores measured them (`scripts/test --save-times`). A step's load, its CPU seconds per second, is
the number of CPUs that it keeps busy: one that waits for a guest takes less than one, a build as
many as there are. Steps run side by side while their loads fit the machine.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bellwire.core.places import replace_file
from bellwire.report.results import Usage

FILE = Path(__file__).with_name("times.json")
CPUS = float(os.cpu_count() or 1)
SLACK = 0.5    # of a CPU; what waits for a guest leaves some now and then
MOST = 6       # steps at once, whatever they wait for: each VM has its memory
WORTH = 1.0    # seconds: a shorter step isn't written down
REMEMBERED = ("build: ", "static: ")  # levels whose steps a cache makes quick


@dataclass(frozen=True)
class Cost:
    seconds: float
    cpu: float

    @property
    def load(self) -> float:
        return min(self.cpu / self.seconds, CPUS) if self.seconds else 0.0

    @property
    def weight(self) -> float:
        """The part of a machine's time that it takes while others run beside it."""
        return max(self.cpu, self.seconds / 2)


UNKNOWN = Cost(5.0, 5.0)
Costs = Mapping[str, Cost]


def load(path: Path = FILE) -> dict[str, Cost]:
    if not path.exists():
        return {}
    return {title: Cost(*values) for title, values in json.loads(path.read_text()).items()}


def save(usage: Mapping[str, Usage], path: Path = FILE) -> None:
    """Steps that did not run keep the times that they have, and so do builds and analyses that a cache
    made quick: what runs beside one of them must fit beside one that computes."""
    before = load(path)
    known = before | {title: Cost(used.seconds, used.cpu) for title, used in usage.items()
                      if not title.startswith(REMEMBERED)
                      or title not in before or used.cpu > before[title].cpu}
    rows = [f"  {json.dumps(title)}: [{cost.seconds:.1f}, {cost.cpu:.1f}]"
            for title, cost in sorted(known.items()) if cost.seconds >= WORTH]
    replace_file(path, "{\n" + ",\n".join(rows) + "\n}\n")


def first_things_first(needs: Mapping[str, Sequence[str]], costs: Costs) -> list[str]:
    """By the seconds that a step takes, and all steps that need it, the longest first."""
    def rank(title: str) -> float:
        return seconds(title) + sum(seconds(other) for other, before in needs.items()
                                    if title in before)

    def seconds(title: str) -> float:
        return costs.get(title, UNKNOWN).seconds

    return sorted(needs, key=lambda title: (-rank(title), title))


def fitting(waiting: Sequence[str], running: Sequence[str], costs: Costs) -> str | None:
    """The first that may start beside those that run. What is first of all needs only half of the
    machine: a build, which fills it, would otherwise wait until nothing else does."""
    busy = sum(costs.get(title, UNKNOWN).load for title in running)
    if len(running) >= MOST:
        return None
    if waiting and busy < CPUS / 2:
        return waiting[0]
    return next((title for title in waiting
                 if busy + costs.get(title, UNKNOWN).load <= CPUS + SLACK), None)


def shard(needs: Mapping[str, Sequence[str]], costs: Costs, number: int, count: int) -> list[str]:
    """The steps of machine `number` of `count`, counted from 1. `needs` has what each step needs
    prepared, which every machine that runs such a step prepares for itself. The longest step comes
    first, and goes where the sum is least with it; so the same steps are always split alike."""
    machines: list[list[str]] = [[] for _ in range(count)]

    def total(titles: Sequence[str]) -> float:
        prepared = {need for title in titles for need in needs[title]}
        return sum(costs.get(title, UNKNOWN).weight for title in [*titles, *prepared])

    for title in first_things_first({title: [] for title in needs}, costs):
        least = min(machines, key=lambda titles: total([*titles, title]))
        least.append(title)
    return machines[number - 1]
