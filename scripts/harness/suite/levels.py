# SPDX-License-Identifier: BSD-3-Clause
"""The levels of test, their steps, and which of them a run has."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from . import (build, fuzz, guide, host, install, labs, lint, memcheck, packages, quick, schedule,
               static, vm)
from .schedule import Costs
from .step import Step


@dataclass(frozen=True)
class Level:
    what: str
    steps: tuple[Step, ...]
    missing: Callable[[], str] = lambda: ""  # why it can't run


LEVELS = {
    "build": Level("the trees that the other levels run", build.STEPS),
    "lint": Level("style, licences, links, types, spelling: seconds", lint.STEPS),
    "static": Level("clang, clang-tidy; the module's warnings, sparse", static.STEPS),
    "host": Level("programs; the library under ASan + UBSan, TSan", host.STEPS),
    "install": Level("the installed library, the examples that use it, docs/guide.md",
                     (*install.STEPS, *guide.STEPS)),
    "answers": Level("labs for students: skeletons, solutions; wrong ones if no VM boots",
                     labs.BRIEF_STEPS),
    "labs": Level("likewise, with all wrong answers, and the worst ones: ten minutes",
                  (*labs.STEPS, *vm.steps("teaching"))),
    "fuzz": Level("hostile input: each corpus, and thousands of inputs that grow from it", fuzz.STEPS),
    "vm": Level("QEMU, Debian's kernel, our module", vm.STEPS, vm.missing),
    "nested": Level("the same with QEMU on real KVM, in an emulated host", vm.NESTED, vm.missing),
    "debug": Level("that of vm on a kernel with KASAN, lockdep and kmemleak; half an hour",
                   vm.DEBUG, vm.missing),
    "long": Level("minutes of fuzzing, ten times the rings, all faults; TSan, memcheck",
                  (*fuzz.LONG_STEPS, *host.LONG_STEPS, *memcheck.STEPS, *vm.LONG_STEPS,
                   *static.LONG_STEPS), vm.missing),
    "packages": Level("Debian's packages of it, built and used on fresh systems; as root",
                      packages.STEPS, vm.missing),
    "quick": Level("what --quick chooses from: a test program each, in the preset dev",
                   quick.STEPS),
}
# Not quick, which has the others' tests, nor what takes too long for every change.
ALL = [name for name in LEVELS if name not in ("quick", "labs", "debug", "long", "packages")]

Chosen = list[tuple[str, Step]]  # each with its level


def choose(names: Sequence[str], only: str = "") -> Chosen:
    """The steps of these levels; of each, only the step that is called `only`, or else those that
    have it in their names."""
    chosen: Chosen = []
    for name in names:
        steps = LEVELS[name].steps
        found = [step for step in steps if step.name == only] or \
                [step for step in steps if only in step.name]
        chosen += [(name, step) for step in found]
    return chosen


def having(only: str) -> list[str]:
    """The levels that have a step with that in its name."""
    return [name for name in LEVELS if choose([name], only)]


def title(level: str, step: Step) -> str:
    return f"{level}: {step.name}"


def with_needs(chosen: Chosen) -> Chosen:
    """And the builds that they need."""
    there = {title(level, step) for level, step in chosen}
    needed = {need for _, step in chosen for need in step.needs} - there
    return [("build", step) for step in build.STEPS if title("build", step) in needed] + chosen


def shard(chosen: Chosen, number: int, count: int, costs: Costs) -> Chosen:
    """The part of machine `number` of `count`. A build belongs to the machines that need it, or to
    the first if none does."""
    needs = {title(level, step): step.needs for level, step in chosen if level != "build"}
    ours = set(schedule.shard(needs, costs, number, count))
    if number == 1:
        needed = {need for step in needs.values() for need in step}
        ours |= {title(level, step) for level, step in chosen if level == "build"} - needed
    return with_needs([(level, step) for level, step in chosen if title(level, step) in ours])
