# SPDX-License-Identifier: BSD-3-Clause
"""Hostile input, made up by libFuzzer from the corpora in the tree."""

import shutil
from pathlib import Path

from ..places import BUILD, ROOT
from .results import Case
from .step import LOGS, Failed, Step, command

SECONDS = 15


def device_queue() -> list[Case]:
    return fuzz("device-queue-fuzz", BUILD / "clang/vdev/device-queue-fuzz",
                ROOT / "vdev/ring/corpus")


def fuzz(name: str, program: Path, corpus: Path) -> list[Case]:
    """What it finds stays in the build folder; what is worth keeping goes into the corpus."""
    command(f"build-{name}", "scripts/build", "--preset", "clang", name)
    if not any(corpus.iterdir()):
        raise Failed(f"no corpus in {corpus}")
    found = LOGS / f"{name}.found"
    shutil.rmtree(found, ignore_errors=True)
    found.mkdir(parents=True)
    command(name, program, f"-max_total_time={SECONDS}", "-print_final_stats=1", "-timeout=5",
            f"-artifact_prefix={found}/", found, corpus, limit=SECONDS + 60)
    return [Case(name)]


STEPS = (
    Step("device queue", device_queue),
)
