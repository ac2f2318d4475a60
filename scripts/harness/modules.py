# SPDX-License-Identifier: BSD-3-Clause
"""A kernel's modules, with what they depend on, as an initramfs has them."""

import lzma
import re
from collections.abc import Iterable
from pathlib import Path

from .cpio import Archive

_FOLDER = "lib/modules"


def with_dependencies(names: Iterable[str], folder: Path) -> list[Path]:
    """The modules of those names and what they need, in the order in which to load them."""
    files = {_name(path): path for path in folder.rglob("*.ko*")}
    order: list[Path] = []

    def add(name: str) -> None:
        path = files.get(name)
        if path is None or path in order:
            return  # built in, or there already
        found = re.search(rb"\0depends=([^\0]*)\0", _plain(path))
        for needed in found[1].decode().split(",") if found else ():
            add(needed)
        order.append(path)

    for name in names:
        add(name)
    return order


def put(archive: Archive, modules: Iterable[Path]) -> None:
    for path in modules:
        archive.file(f"{_FOLDER}/{_name(path)}.ko", _plain(path))


def put_order(archive: Archive, modules: Iterable[Path]) -> None:
    """What images/init loads first, one after the other."""
    archive.file(f"{_FOLDER}/order", "".join(f"{_name(path)}\n" for path in modules).encode())


def _name(path: Path) -> str:
    return path.name.split(".")[0].replace("-", "_")


def _plain(path: Path) -> bytes:
    """A module's bytes, unpacked: busybox's insmod takes no packed ones."""
    data = path.read_bytes()
    return lzma.decompress(data) if path.suffix == ".xz" else data
