# SPDX-License-Identifier: BSD-3-Clause
"""Removes what the scripts made in this clone, which they make again when it is needed.

It names each folder, with its size. Nothing is removed while a build runs.
"""

import fcntl
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bellwire.commands import command_line
from bellwire.core.places import BUILD, HarnessError, users_cache


def main(argv: Sequence[str]) -> int:
    options = command_line.parser("clean", __doc__)
    options.add_argument("--cache", action="store_true",
                         help="remove the user's cache as well, which all clones share: kernels, "
                              "saved states, what compilers remember; what was fetched needs the "
                              "network again")
    cache = users_cache() if options.parse_args(argv).cache else None
    with nothing_built(BUILD):
        for folder in filter(None, (BUILD, cache)):
            if folder.is_dir():
                print(f"{size(folder) >> 20:6} MiB  {folder}", flush=True)
                remove(folder)
    return 0


@contextmanager
def nothing_built(build: Path) -> Iterator[None]:
    """Holds the locks of all builds there (scripts/build). Raises if one is held."""
    with ExitStack() as held:
        for path in build.glob("*.lock"):
            lock = held.enter_context(path.open())
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise HarnessError(f"a build runs in {build}: {path.name} is held; wait until it has "
                                   "ended") from None
        yield


def size(folder: Path) -> int:
    """Bytes on the disk; a file with several names counts once."""
    seen: dict[tuple[int, int], int] = {}
    for parent, folders, files in os.walk(folder):
        for name in [*folders, *files]:
            status = os.lstat(os.path.join(parent, name))
            seen[status.st_dev, status.st_ino] = status.st_blocks * 512
    return sum(seen.values())


def remove(folder: Path) -> None:
    """What is in it; the folder itself may be a mount, or a link to somewhere else."""
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
