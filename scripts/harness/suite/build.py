# SPDX-License-Identifier: BSD-3-Clause
"""The build trees that other levels' steps need, each made once and before them."""

import os
import shutil
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from bellwire.core.places import BUILD, ROOT, cache
from bellwire.report.results import Case
from .schedule import Cost, Costs
from .step import LOGS, Step, command, tracked

LIMIT = 3000.0  # seconds for a whole tree, without a compiler's cache
BUILT = "BELLWIRE_BUILT"  # names trees to scripts/build
SOURCES = ("vdev", "host", "guest-kmod", "docs/examples", "cmake", "CMake*")


def build(preset: str, *targets: str) -> list[Case]:
    command(f"build-{preset}", "scripts/build", "--preset", preset, *targets, limit=LIMIT)
    return [Case(f"build {preset}")]


def build_whole(preset: str) -> list[Case]:
    began = time.time()
    cases = build(preset)
    built = stamp(preset)
    built.touch()
    os.utime(built, (began, began))
    return cases


def trust(title: str) -> None:
    """If that step has built a whole tree, scripts/build need not look at it again for what this
    process starts: it takes 0.3 s to find that all is up to date, and most tests ask it to."""
    level, _, preset = title.partition(": ")
    if level == "build":
        os.environ[BUILT] = f"{os.environ.get(BUILT, '')}:{BUILD / preset}"


def stamp(preset: str) -> Path:
    """Is as old as the last whole build's beginning."""
    return LOGS / f"build-{preset}.whole"


def is_current(built: Path, sources: Sequence[Path]) -> bool:
    """Whether no source has changed since then, so that a build would do nothing."""
    try:
        return max(path.stat().st_mtime for path in sources) < built.stat().st_mtime
    except FileNotFoundError:
        return False


def with_current(costs: Costs) -> Costs:
    """A tree that is up to date costs nothing, so other steps may run beside its build."""
    sources = tracked(*SOURCES)
    return {**costs, **{f"build: {step.name}": Cost(1, 0) for step in STEPS
                        if is_current(stamp(step.name), sources)}}


def remembered() -> dict[str, str]:
    """The environment in which compilers take what scripts/build's ccache has, if there is one."""
    if not shutil.which("ccache"):
        return {}
    return {"CMAKE_CXX_COMPILER_LAUNCHER": "ccache", "CCACHE_NOHASHDIR": "1",
            "CCACHE_BASEDIR": str(ROOT),
            "CCACHE_DIR": os.environ.get("CCACHE_DIR") or str(cache() / "ccache")}


STEPS = tuple(Step(preset, partial(build_whole, preset), limit=3600)
              for preset in ("release", "asan", "tsan"))
RELEASE, ASAN, TSAN = ((f"build: {step.name}",) for step in STEPS)  # what a step needs
