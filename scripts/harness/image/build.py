# SPDX-License-Identifier: BSD-3-Clause
"""What is built only when it is out of date: programs by scripts/build, other files by a recipe.

A recipe lists the path, size and time of every ingredient; that of the file `x` is kept beside it
in `x.recipe`. An ingredient out of a kernel's packages is listed by its path within them, which
is the same in every cache.
"""

import hashlib
import json
import os
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from bellwire.core import children, messages
from bellwire.core.places import BUILD, ROOT, AlreadySaid, HarnessError, replace_file

# What a program in C++ links, and one of the guest.
LIBRARIES = ("bellwire-device-main", "bellwire-guest")
_BEGUN = threading.Lock()  # threads may want the same
PACKAGED = (ROOT / "release").is_dir()  # by Debian's package, whose library CMake finds by itself


def programs(*targets: str) -> None:
    """Builds those targets of the release preset, after missing packages were installed."""
    status = _begun(targets)
    if status is None:
        status = children.run_aloud(ROOT / "scripts/build", *targets)
    if status:
        raise AlreadySaid(f"scripts/build {' '.join(targets)} failed")


def folder_of_library() -> str:
    """Where CMake finds the library for devices and guests' programs, which is built first; "": CMake
    knows."""
    if PACKAGED:
        return ""
    programs(*LIBRARIES)
    return str(BUILD / "release")


def _begun(targets: Sequence[str]) -> int | None:
    """Waits for the build that harness/enter began, and returns its status. None: there is none, it
    is of other targets, or the shell that began it has its status."""
    with _BEGUN:
        pid, *building = os.environ.get("BELLWIRE_BUILDING", "0").split()
        if building != list(targets):
            return None
        del os.environ["BELLWIRE_BUILDING"]
        try:
            with messages.waiting("scripts/build"):
                return os.waitstatus_to_exitcode(os.waitpid(int(pid), 0)[1])
        except ChildProcessError:
            return None


def recipe(ingredients: Iterable[Path], packages: Path) -> str:
    try:
        stats = [(str(_inside(path, packages)), path.stat()) for path in ingredients]
    except FileNotFoundError as error:
        raise HarnessError(f"no {error.filename}: scripts/setup and scripts/build make what the "
                           "image needs") from None
    return json.dumps([(path, stat.st_size, stat.st_mtime_ns) for path, stat in stats])


def is_current(target: Path, recipe: str) -> bool:
    """Whether the target exists and was made by that recipe."""
    stamp = _stamp(target)
    return target.exists() and stamp.exists() and stamp.read_text() == recipe


def remember(target: Path, recipe: str) -> None:
    replace_file(_stamp(target), recipe.encode())


def digest(path: Path) -> str:
    """Of the file's content."""
    return remembered("digests", path, lambda: hashlib.sha256(path.read_bytes()).hexdigest())


def remembered(facts: str, path: Path, find: Callable[[], str]) -> str:
    """Such a fact of the file, which is found only if the file has changed since the last time."""
    stat = path.stat()
    seen = f"{stat.st_dev} {stat.st_ino} {stat.st_size} {stat.st_mtime_ns} {stat.st_ctime_ns} "
    kept = BUILD / facts / hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
    if kept.exists() and (text := kept.read_text()).startswith(seen):
        return text.removeprefix(seen)
    found = find()
    kept.parent.mkdir(parents=True, exist_ok=True)
    replace_file(kept, seen + found)
    return found


def _inside(path: Path, folder: Path) -> Path:
    return path.relative_to(folder) if path.is_relative_to(folder) else path


def _stamp(target: Path) -> Path:
    return target.with_name(f"{target.name}.recipe")
