# SPDX-License-Identifier: BSD-3-Clause
"""Hostile input, made up by libFuzzer from the corpora in the tree."""

import re
import shutil
from pathlib import Path

from harness.core.places import BUILD, ROOT
from . import build
from .results import Case
from .step import LOGS, Failed, Step, command

VDEV = BUILD / "asan/vdev"


def device_queue() -> list[Case]:
    return fuzz("device-queue-fuzz", VDEV / "ring", ROOT / "vdev/ring/corpus", seconds=8)


def vfio_user() -> list[Case]:
    return fuzz("vfio-user-fuzz", VDEV / "transport/vfio_user",
                ROOT / "vdev/transport/vfio_user/server/corpus", seconds=30)


def virtqueue() -> list[Case]:
    return fuzz("virtqueue-fuzz", VDEV / "virtio", ROOT / "vdev/virtio/corpus", seconds=15)


def vhost_user() -> list[Case]:
    return fuzz("vhost-user-fuzz", VDEV / "transport/vhost_user/server",
                ROOT / "vdev/transport/vhost_user/server/corpus", seconds=30)


def fuzz(name: str, folder: Path, corpus: Path, seconds: int) -> list[Case]:
    """What it finds stays in the build folder; what is worth keeping goes into the corpus."""
    command(f"build-{name}", "scripts/build", "--preset", "asan", name)
    if not any(corpus.iterdir()):
        raise Failed(f"no corpus in {corpus}")
    found = LOGS / f"{name}.found"
    shutil.rmtree(found, ignore_errors=True)
    found.mkdir(parents=True)
    said = command(name, folder / name, f"-max_total_time={seconds}", "-print_final_stats=1",
                   "-timeout=5", f"-artifact_prefix={found}/", found, corpus, limit=seconds + 60)
    tried = re.search(r"number_of_executed_units: (\d+)", said)
    if not tried or int(tried[1]) <= len(list(corpus.iterdir())):
        raise Failed(f"{name} tried nothing beyond its corpus")
    return [Case(name)]


STEPS = (
    Step("device queue", device_queue, build.ASAN),
    Step("virtqueue", virtqueue, build.ASAN),
    Step("vfio-user", vfio_user, build.ASAN),
    Step("vhost-user", vhost_user, build.ASAN),
)
