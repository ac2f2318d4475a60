# SPDX-License-Identifier: BSD-3-Clause
"""A kernel's modules and their dependencies, as files of an initramfs."""

import lzma
import re
from collections.abc import Iterable
from pathlib import Path

from harness.core.places import HarnessError
from harness.image.cpio import Archive

_FOLDER = "lib/modules"


def with_dependencies(names: Iterable[str], folder: Path) -> list[Path]:
    """The modules of those names and their dependencies, in the order in which to load them."""
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


def stock(names: Iterable[str], folder: Path) -> list[Path]:
    """The same for names that a user chose. Raises if the kernel does not have one of them."""
    wanted = [_name(Path(name)) for name in names]
    if not wanted:
        return []
    there = {_name(path) for path in folder.rglob("*.ko*")} | _built_in(folder)
    for name in wanted:
        if name not in there:
            raise HarnessError(f"no module '{name}' in kernel {folder.parent.name}: only those of "
                               "--kernel 6.1-generic have the drivers of all hardware")
    return with_dependencies(wanted, folder)


def put(archive: Archive, modules: Iterable[Path]) -> None:
    for path in modules:
        archive.file(f"{_FOLDER}/{_name(path)}.ko", _plain(path))


def put_order(archive: Archive, modules: Iterable[Path], name: str = f"{_FOLDER}/order") -> None:
    """Adds the list of modules that images/init loads, in that order."""
    archive.file(name, "".join(f"{_name(path)}\n" for path in modules).encode())


def _built_in(folder: Path) -> set[str]:
    listed = folder.with_name("modules.builtin").read_text()
    return {_name(Path(line)) for line in listed.splitlines()}


def _name(path: Path) -> str:
    return path.name.split(".")[0].replace("-", "_")


def _plain(path: Path) -> bytes:
    """A module's bytes, unpacked, as busybox's insmod needs them."""
    data = path.read_bytes()
    return lzma.decompress(data) if path.suffix == ".xz" else data
