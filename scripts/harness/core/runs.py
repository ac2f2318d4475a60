# SPDX-License-Identifier: BSD-3-Clause
"""The folders of a run: one that keeps its logs and its result, and a private one for sockets.

Sockets need short paths, so they are in a folder of their own, under $TMPDIR if its path is short
and plain. It is locked while the run lives; the next run removes what a killed one left, whatever
container either ran in.
"""

import errno
import fcntl
import json
import os
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from bellwire.core.places import BUILD, TEMPORARY, HarnessError, plain, write

RUNS = BUILD / "runs"
KEPT = 30
LONGEST = 80  # bytes of the private folder's path: a socket's has 107 at most
MAKING = 60.0  # seconds for a new one to be locked
_PRIVATE = "bellwire."  # and the user, and a dot
_ROOM = 1 << 16  # bytes that its logs may take
_LOCK = "lock"  # the file; the folder itself is the switchboard's to lock
_NAME = re.compile(r"\d{8}-\d{6}-\d+(-\d+)?")


def create(runs: Path = RUNS) -> Path:
    """A new folder; `last` points to it, and only the newest are kept."""
    folder = _new(runs, f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}")
    link = runs / f".last.{folder.name}"  # a number may be taken in another container, too
    link.symlink_to(folder.name)
    link.replace(runs / "last")
    _forget(runs)
    return folder


def _new(runs: Path, name: str) -> Path:
    """One process may create two in a second."""
    for number in count(1):
        folder = runs / (name if number == 1 else f"{name}-{number}")
        with suppress(FileExistsError):
            folder.mkdir(parents=True)
            return folder
    raise AssertionError("there always is a next number")


def _forget(runs: Path) -> None:
    folders = sorted(path for path in runs.iterdir() if _NAME.fullmatch(path.name))
    for old in folders[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)


def make(folder: Path) -> Path:
    """One of the user's own, which is kept."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise HarnessError(f"--run-dir '{folder}' has files: empty it, or name a new folder")
    except (FileExistsError, NotADirectoryError):
        raise HarnessError(f"--run-dir '{folder}' is not a folder: name another one") from None
    return folder.absolute()


def write_result(folder: Path, facts: Mapping[str, object]) -> None:
    write(folder / "result.json", json.dumps(facts, indent=2) + "\n")


@contextmanager
def private_folder() -> Iterator[Path]:
    """A folder for sockets, removed at the end, whose path every program takes."""
    _sweep()
    folder, lock = _locked_folder()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _locked_folder() -> tuple[Path, int]:
    trouble = ""
    for parent in _parents():
        try:
            while True:
                folder = parent / f"{_PRIVATE}{os.getuid()}.{os.urandom(4).hex()}"
                folder.mkdir(0o700)
                lock = _lock(folder)
                if lock is not None and (folder / _LOCK).exists():  # nobody swept it
                    _fill(folder, lock)
                    return folder, lock
        except OSError as error:
            trouble = f"'{parent}': {error.strerror}"
    raise HarnessError(f"no place for sockets ({trouble}): set $TMPDIR to a folder that can be "
                       f"written, with a path of at most {LONGEST - 30} plain letters")


def _parents() -> list[Path]:
    """Where one may be created, the best first."""
    chosen = os.environ.get("TMPDIR", "")
    return [path for path in map(Path, (chosen, *TEMPORARY))
            if path.is_absolute() and plain(path) and len(str(path)) < LONGEST - 30]


def _lock(folder: Path) -> int | None:
    """None if another process holds it."""
    lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return lock
    except BlockingIOError:
        os.close(lock)
        return None


def _fill(folder: Path, lock: int) -> None:
    """Fails on a full disk here, where another folder can still be chosen."""
    try:
        if os.write(lock, bytes(_ROOM)) < _ROOM:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.ftruncate(lock, 0)
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)
        raise


def _sweep() -> None:
    """Removes what our killed processes left behind. Others may do so at the same time."""
    for path in (path for parent in _parents()
                 for path in parent.glob(f"{_PRIVATE}{os.getuid()}.*")):
        with suppress(OSError):
            half_made = not (path / _LOCK).exists() and time.time() - path.stat().st_mtime < MAKING
            if path.stat().st_uid != os.getuid() or half_made:
                continue
            if (lock := _lock(path)) is not None:
                shutil.rmtree(path, ignore_errors=True)
                os.close(lock)
