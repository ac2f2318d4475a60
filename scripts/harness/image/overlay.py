# SPDX-License-Identifier: BSD-3-Clause
"""What a run adds to the image: the command or shell, the shared folder, modules to load.

It is an archive that images/init reads from a port and unpacks when the guest is up.
"""

import os
import shlex
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.core.places import HarnessError
from harness.image import modules
from harness.image.cpio import Archive


@dataclass(frozen=True)
class Wires:
    """How many init waits for: those of our module, virtio devices, and others."""

    ours: int = 0
    virtio: int = 0
    others: int = 0


def overlay(command: Sequence[str], environment: Mapping[str, str] = {},
            share: Path | None = None, shell: bool = False, wires: Wires = Wires(),
            ports: Iterable[str] = (), extra_files: Archive | None = None,
            drivers: Sequence[Path] = (), parameters: Mapping[Path, str] = {}) -> bytes:
    """`ports`: those beyond init's own, which init waits for. `extra_files`: more for the guest.
    `drivers`: modules to load, in that order, with those `parameters`."""
    archive = extra_files or Archive()
    archive.folder("bellwire")
    archive.file("bellwire/wires", f"{wires.ours} {wires.virtio} {wires.others}\n".encode())
    archive.file("bellwire/ports", "".join(f"{port}\n" for port in ports).encode())
    modules.put(archive, drivers)
    modules.put_order(archive, drivers, "bellwire/modules", parameters)
    exports = [f"export {name}={shlex.quote(value)}" for name, value in environment.items()]
    if shell:
        script = [*exports, _terminal(), "exec sh"]
        archive.file("bellwire/shell", _script(script), 0o755)
    elif command:
        archive.file("bellwire/command", _script([*exports, f"exec {shlex.join(command)}"]), 0o755)
    if share:
        archive.tree("share", share)
    return archive.data()


def check_share(share: Path, memory: int) -> None:
    """Raises if it does not fit into the guest's memory, where it is unpacked."""
    if not share.is_dir():
        raise HarnessError(f"--share '{share}' is not a folder: name one that exists")
    size = sum(path.lstat().st_size for path in share.rglob("*")) >> 20
    if size * 3 > memory:
        raise HarnessError(f"--share '{share}' has {size} MiB, too much for a guest of {memory} "
                           f"MiB: try --memory {size * 3 + 256}")


def _script(lines: Sequence[str]) -> bytes:
    return os.fsencode("\n".join(["#!/bin/sh", *lines]) + "\n")


def _terminal() -> str:
    columns, rows = shutil.get_terminal_size()
    term = shlex.quote(os.environ.get("TERM", "vt100"))
    return f"export TERM={term}; stty rows {rows} cols {columns}"
