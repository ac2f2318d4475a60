# SPDX-License-Identifier: BSD-3-Clause
"""The folder of a run, which keeps its logs and its result, and the private one that doesn't.

Sockets want short paths, so they live in a folder of their own under $TMPDIR,
named for our pid: what a killed run left there is swept by the next.
"""

import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from .places import BUILD

RUNS = BUILD / "runs"
KEPT = 30
_PRIVATE = "bellwire-"


def create(runs: Path = RUNS) -> Path:
    """A new folder; `last` points to it, and only the newest are kept."""
    folder = _new(runs, f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}")
    link = runs / f".last.{os.getpid()}"
    link.symlink_to(folder.name)
    link.replace(runs / "last")
    _forget(runs)
    return folder


def _new(runs: Path, name: str) -> Path:
    """Two of a process may begin in one second."""
    for number in count(1):
        folder = runs / (name if number == 1 else f"{name}-{number}")
        with suppress(FileExistsError):
            folder.mkdir(parents=True)
            return folder
    raise AssertionError("there always is a next number")


def _forget(runs: Path) -> None:
    folders = sorted(path for path in runs.iterdir() if path.name[0].isdigit())
    for old in folders[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)


def write_result(folder: Path, **facts: object) -> None:
    (folder / "result.json").write_text(json.dumps(facts, indent=2) + "\n")


@contextmanager
def private_folder() -> Iterator[Path]:
    """For sockets; gone at the end."""
    _sweep(Path(tempfile.gettempdir()))
    with tempfile.TemporaryDirectory(prefix=f"{_PRIVATE}{os.getpid()}-") as name:
        yield Path(name)


def _sweep(parent: Path) -> None:
    """Those that a killed process of ours left. They may go while we look: others sweep, too."""
    for path in parent.glob(f"{_PRIVATE}[0-9]*-*"):
        pid = path.name.removeprefix(_PRIVATE).split("-")[0]
        with suppress(FileNotFoundError):
            if path.stat().st_uid == os.getuid() and not Path("/proc", pid).exists():
                shutil.rmtree(path, ignore_errors=True)
