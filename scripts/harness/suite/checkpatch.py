# SPDX-License-Identifier: BSD-3-Clause
"""The kernel's own checkpatch over the module's sources.

Debian ships it only in the kernel's sources, a package of 140 MB. That is fetched once, and the
script's three files are kept in the user's cache. guest-kmod/.checkpatch.conf lists the messages
that are turned off, each with its reason. A file that it found clean once is not checked again, in
any clone of the user, until the file, the script or the settings change.
"""

import hashlib
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from bellwire.core import messages
from bellwire.core.places import ROOT, HarnessError, cache, caches, locked, replace_file
from bellwire.image import apt
from bellwire.image.apt import AptError

from bellwire.report.results import Case
from .step import Skipped, Step, command, tracked

SOURCES = "linux-source-6.1"
FILES = ("checkpatch.pl", "spelling.txt", "const_structs.checkpatch")
MODULE = ROOT / "guest-kmod"
CONF = MODULE / ".checkpatch.conf"
CLEAN = "checkpatch-clean"
# What runs in the kernel, and what a program shares with it; the self-tests are programs.
KERNEL_C = tuple(f":(glob){pattern}" for pattern in (
    "guest-kmod/module/*.[ch]", "guest-kmod/notify_lab/*.[ch]", "guest-kmod/bare/*.c",
    "guest-kmod/uapi/*.h", "guest-kmod/*/uapi/*.h", "docs/examples/*/driver/*.[ch]"))


def checkpatch() -> list[Case]:
    try:
        program = get()
    except HarnessError as error:
        raise Skipped(str(error)) from None
    return [check(program, tracked(*KERNEL_C))]


def check(program: Path, sources: Sequence[Path]) -> Case:
    rules = b"".join(path.read_bytes() for path in [*map(program.with_name, FILES), CONF])
    marks = {path: cache() / CLEAN / key(path, rules) for path in sources}
    new = [path for path in sources if not marks[path].exists()]
    if new:
        command("checkpatch", "perl", program, "--no-summary", "--terse", "--file", *new,
                cwd=MODULE)
    for path in new:
        marks[path].parent.mkdir(parents=True, exist_ok=True)
        replace_file(marks[path], b"")
    return Case(f"checkpatch of {len(sources)} files")


def key(source: Path, rules: bytes) -> str:
    """What the result for that file depends on; checkpatch looks at its name as well."""
    name = source.relative_to(MODULE) if source.is_relative_to(MODULE) else source
    return hashlib.sha256(b"\0".join([str(name).encode(), source.read_bytes(), rules])).hexdigest()


def get() -> Path:
    """The program, with its other files beside it; fetched when no cache has it."""
    for place in caches():
        if (program := place / "checkpatch" / FILES[0]).exists():
            return program
    folder = cache() / "checkpatch"
    with locked(folder.with_name("checkpatch.lock"), "fetches checkpatch"):
        if not (folder / FILES[0]).exists():
            _fetch(folder)
    return folder / FILES[0]


def _fetch(folder: Path) -> None:
    messages.say(f"fetching the kernel's sources for checkpatch ({SOURCES}, 140 MB, once)")
    half = folder.with_name("checkpatch.half")  # ours alone: we hold the lock
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir(parents=True)
    try:
        apt.MACHINES.fetch(half, SOURCES)
        apt.unpack(half, half)
        _extract(half / f"usr/src/{SOURCES}.tar.xz", half)
        shutil.rmtree(half / "usr")
        half.rename(folder)
    except (AptError, subprocess.CalledProcessError) as error:
        raise HarnessError(f"can't fetch checkpatch: {apt.cause(str(error))}; it needs the "
                           "network once, and Debian's main section among apt's sources") from None
    finally:
        shutil.rmtree(half, ignore_errors=True)


def _extract(archive: Path, folder: Path) -> None:
    """tar ends when it has found them all, and reads no further."""
    names = [f"{SOURCES}/scripts/{name}" for name in FILES]
    subprocess.run(["tar", "-xf", archive, "-C", folder, "--strip-components=2",
                    "--occurrence=1", *names], check=True)


STEPS = (Step("checkpatch", checkpatch),)
