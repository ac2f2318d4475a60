# SPDX-License-Identifier: BSD-3-Clause
"""What a run adds to the image: the command or shell, shared folders, modules to load.

It is an archive that images/init reads from a port and unpacks when the guest is up.
"""

import os
import re
import shlex
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bellwire.core.places import HarnessError
from bellwire.image import modules
from bellwire.image.cpio import Archive

_NAME = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9_.-]+")


@dataclass(frozen=True)
class Wires:
    """How many init waits for: those of our module, virtio devices, and others."""

    ours: int = 0
    virtio: int = 0
    others: int = 0


@dataclass(frozen=True)
class Around:
    """Lines of shell that the guest runs before its command, and after it."""

    setup: Sequence[str] = field(default_factory=list)
    cleanup: Sequence[str] = field(default_factory=list)


@dataclass(frozen=True)
class Share:
    """A folder of this machine, of which the guest gets a copy."""

    folder: Path
    name: str = ""  # below /share; "": it is /share

    @classmethod
    def parse(cls, word: str) -> "Share":
        """DIR or DIR:NAME. A folder whose own name has a colon is meant if it is there."""
        folder, colon, name = word.rpartition(":")
        if not colon or Path(word).is_dir():
            return cls(Path(word))
        if not _NAME.fullmatch(name):
            raise HarnessError(f"--share {word}: '{name}' can't be a name below /share: use letters, "
                               "digits and . _ -")
        return cls(Path(folder), name)

    def file(self, path: str) -> Path | None:
        """The file here that the guest has at that path."""
        below = os.path.relpath(path, f"/share/{self.name}".rstrip("/"))
        file = self.folder / below
        return file if path.startswith("/share/") and ".." not in below and file.is_file() else None


def overlay(command: Sequence[str], environment: Mapping[str, str] = {},
            shares: Sequence[Share] = (), shell: bool = False, wires: Wires = Wires(),
            ports: Iterable[str] = (), extra_files: Archive | None = None,
            drivers: Sequence[Path] = (), parameters: Mapping[Path, str] = {},
            around: Around = Around(), reads: bool = False) -> bytes:
    """`ports`: those beyond init's own, which init waits for. `extra_files`: more for the guest.
    `drivers`: modules to load, in that order, with those `parameters`. `reads`: the command reads
    from the port `stdin`."""
    archive = extra_files or Archive()
    archive.folder("bellwire")
    archive.file("bellwire/wires", f"{wires.ours} {wires.virtio} {wires.others}\n".encode())
    archive.file("bellwire/ports", "".join(f"{port}\n" for port in ports).encode())
    if reads:
        archive.file("bellwire/reads", b"")
    modules.put(archive, drivers)
    modules.put_order(archive, drivers, "bellwire/modules", parameters)
    before = [*(f"export {name}={shlex.quote(value)}" for name, value in environment.items()),
              *around.setup]
    if shell:
        archive.file("bellwire/shell", _script([*before, _terminal(), *_run("sh", around)]), 0o755)
    elif command:
        archive.file("bellwire/command", _script([*before, *_run(shlex.join(command), around)]),
                     0o755)
    for share in shares:
        archive.tree(f"share/{share.name}" if share.name else "share", share.folder)
    return archive.data()


def _run(command: str, around: Around) -> list[str]:
    if not around.cleanup:
        return [f"exec {command}"]
    return [command, "status=$?", *around.cleanup, "exit $status"]


def check_shares(shares: Sequence[Share], memory: int) -> None:
    """Raises if one of them is not there, or if they don't fit into the guest's memory, where they
    are unpacked."""
    for share in shares:
        if not share.folder.is_dir():
            raise HarnessError(f"--share '{share.folder}' is not a folder: name one that exists")
    names = [share.name for share in shares]
    for name in names:
        if names.count(name) > 1:
            raise HarnessError(f"--share: two folders would be {f'/share/{name}'.rstrip('/')}: give "
                               "one of them another name, as in DIR:NAME")
    size = sum(path.lstat().st_size for share in shares
               for path in share.folder.rglob("*")) >> 20
    if size * 3 > memory:
        what = f"'{shares[0].folder}' has" if len(shares) == 1 else f"of {len(shares)} folders have"
        raise HarnessError(f"--share {what} {size} MiB, too much for a guest of {memory} "
                           f"MiB: try --memory {size * 3 + 256}")


def _script(lines: Sequence[str]) -> bytes:
    return os.fsencode("\n".join(["#!/bin/sh", *lines]) + "\n")


def _terminal() -> str:
    columns, rows = shutil.get_terminal_size()
    term = shlex.quote(os.environ.get("TERM", "vt100"))
    return f"export TERM={term}; stty rows {rows} cols {columns}"
