# SPDX-License-Identifier: BSD-3-Clause
"""The build trees that other levels' steps need, each made once and before them."""

from functools import partial

from .results import Case
from .step import Step, command

LIMIT = 3000.0  # seconds for a whole tree, without a compiler's cache


def build(preset: str, *targets: str) -> list[Case]:
    command(f"build-{preset}", "scripts/build", "--preset", preset, *targets, limit=LIMIT)
    return [Case(f"build {preset}")]


STEPS = tuple(Step(preset, partial(build, preset), limit=3600)
              for preset in ("release", "asan", "tsan"))
RELEASE, ASAN, TSAN = ((f"build: {step.name}",) for step in STEPS)  # what a step needs
