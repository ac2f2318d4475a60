# SPDX-License-Identifier: BSD-3-Clause
"""Builds kernel modules out of tree, against the headers of a guest's kernel."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bellwire.core import children, messages, runs
from bellwire.core.places import BUILD, HarnessError, plain
from bellwire.image.kernel import Kernel

# Variables with which the user builds kernels of his own, or runs us from a makefile.
_OF_OTHER_BUILDS = re.compile(r"MAKE|MFLAGS|ARCH$|CROSS_|LLVM|CC$|[WCVMO]$|KBUILD|K[CA]|KERN|INSTALL_")
_SHOWN = 1 << 16  # bytes of a failed command's log


def modules(base: Kernel, folder: Path) -> list[Path]:
    """Builds the modules of a folder that has a Kbuild or a Makefile; returns them."""
    folder = folder.absolute()
    if not any((folder / name).is_file() for name in ("Kbuild", "Makefile")):
        raise HarnessError(f"{folder}: no Kbuild or Makefile there: write one that says what to "
                           "build, such as  obj-m := mine.o")
    with place(base, folder) as (headers, at):
        if at != folder:
            shutil.copytree(folder, at, symlinks=True)
        make(headers, at, BUILD / "kmod.log", f"the modules of {folder}")
        made = sorted(at.rglob("*.ko"))
        for path in made if at != folder else ():
            shutil.copy(path, folder / path.relative_to(at))
    if not made:
        raise HarnessError(f"{folder}: nothing was built: its Kbuild or Makefile sets no obj-m")
    return [folder / path.relative_to(at) for path in made]


@contextmanager
def place(base: Kernel, folder: Path) -> Iterator[tuple[Path, Path]]:
    """The headers, and a folder to build in, by paths without a space or a colon, which kbuild
    does not take. If that folder is another one, it doesn't exist yet, and is gone afterwards."""
    if plain(base.root) and plain(folder):
        yield base.headers, folder
        return
    with runs.private_folder() as private:
        headers = base.headers
        if not plain(base.root):
            shutil.copytree(base.root / "usr", private / "usr", symlinks=True)
            headers = private / base.headers.relative_to(base.root)
        yield headers, private / "module"


def run(base: Kernel, folder: Path, log: Path, limit: float) -> int:
    """Builds the modules of a folder; returns make's status. The log says what is wrong."""
    with place(base, folder) as (headers, at):
        if at != folder:
            shutil.copytree(folder, at, symlinks=True)
        status = _make(headers, at, log, limit)
        for path in at.glob("*.ko") if at != folder else ():
            shutil.copy(path, folder)
    return status


def make(headers: Path, folder: Path, log: Path, what: str) -> None:
    if _make(headers, folder, log):
        messages.to_stderr(log.read_bytes()[-_SHOWN:])
        raise HarnessError(f"{what} don't build for {headers.name}, as reported above; the whole "
                           f"log: {log}")


def _make(headers: Path, folder: Path, log: Path, limit: float | None = None) -> int:
    """No module contains the folder's path: clones of one revision build the same image."""
    ours = {name: value for name, value in os.environ.items() if not _OF_OTHER_BUILDS.match(name)}
    made = children.run("make", "-C", headers, f"M={folder}", f"-j{os.cpu_count()}",
                        f"KCFLAGS=-ffile-prefix-map={folder}/=", "CONFIG_DEBUG_INFO_BTF_MODULES=",
                        "modules", log=log, env=ours, limit=limit)
    return made.returncode
