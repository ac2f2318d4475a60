# SPDX-License-Identifier: BSD-3-Clause
"""The build trees that other levels' steps need, each made once and before them."""

import os
import shutil
from functools import partial

from harness.core.places import ROOT, cache
from .results import Case
from .step import Step, command

LIMIT = 3000.0  # seconds for a whole tree, without a compiler's cache


def build(preset: str, *targets: str) -> list[Case]:
    command(f"build-{preset}", "scripts/build", "--preset", preset, *targets, limit=LIMIT)
    return [Case(f"build {preset}")]


def remembered() -> dict[str, str]:
    """The environment in which compilers take what scripts/build's ccache has, if there is one."""
    if not shutil.which("ccache"):
        return {}
    return {"CMAKE_CXX_COMPILER_LAUNCHER": "ccache", "CCACHE_NOHASHDIR": "1",
            "CCACHE_BASEDIR": str(ROOT),
            "CCACHE_DIR": os.environ.get("CCACHE_DIR") or str(cache() / "ccache")}


STEPS = tuple(Step(preset, partial(build, preset), limit=3600)
              for preset in ("release", "asan", "tsan"))
RELEASE, ASAN, TSAN = ((f"build: {step.name}",) for step in STEPS)  # what a step needs
