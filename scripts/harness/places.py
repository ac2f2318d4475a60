# SPDX-License-Identifier: BSD-3-Clause
"""Where things stand, and the one exception for what can't be done."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
PROGRAM = BUILD / "release/host/bellwire"
MICRO = BUILD / "release/host/bench/bellwire-micro"
BARE_PEER = BUILD / "release/guest-kmod/bare/ends/bare-peer"
GUEST_TOOLS = (BUILD / "release/guest-kmod/bell/bell",
               BUILD / "release/guest-kmod/selftest/module-selftest",
               BUILD / "release/guest-kmod/notify_lab/selftest/lab-selftest",
               BUILD / "release/guest-kmod/bare/ends/bare-ring")


class HarnessError(Exception):
    """One line that names the thing, its value and the remedy."""


def cache() -> Path:
    """What is downloaded or proven once for all clones of the user."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "bellwire"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds the lock file `path` against other processes; it goes with the process."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def replace_file(path: Path, data: bytes) -> None:
    """Readers see the old content or the new, never a part."""
    half = path.with_name(f".{path.name}.{os.getpid()}")
    half.write_bytes(data)
    half.replace(path)


def last_line(path: Path) -> str:
    """The last line of a log that says something; "" without one."""
    try:
        lines = path.read_text(errors="replace").split("\n")
    except OSError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
