# SPDX-License-Identifier: BSD-3-Clause
"""Writes cpio archives in the "newc" format, the one that Linux takes as initramfs.

Raw archives boot fastest, and one may stand right behind another.
"""

import os
import stat
from pathlib import Path


class Archive:
    """Entries in the order in which they were added; folders come before their content."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._folders: set[str] = set()

    def folder(self, name: str) -> None:
        self._add(name, stat.S_IFDIR | 0o755, b"")

    def file(self, name: str, data: bytes, mode: int = 0o644) -> None:
        self._add(name, stat.S_IFREG | mode, data)

    def link(self, name: str, target: str) -> None:
        self._add(name, stat.S_IFLNK | 0o777, os.fsencode(target))

    def pipe(self, name: str) -> None:
        self._add(name, stat.S_IFIFO | 0o600, b"")

    def folders(self, path: Path) -> None:
        """`path` and all folders above it, but for those that were asked for before."""
        for folder in [*reversed(path.parents), path]:
            name = str(folder).strip("/")
            if name and name not in self._folders:
                self._folders.add(name)
                self.folder(name)

    def copy(self, path: Path) -> None:
        """That file at its own absolute path."""
        self.folders(path.parent)
        mode = stat.S_IMODE(path.stat().st_mode)
        self.file(str(path).strip("/"), path.read_bytes(), mode)

    def tree(self, name: str, source: Path) -> None:
        """A copy of `source` and all in it; sockets, pipes and devices are left out."""
        self.folder(name)
        for entry in sorted(source.iterdir()):
            inner = f"{name}/{entry.name}"
            if entry.is_symlink():
                self.link(inner, os.readlink(entry))
            elif entry.is_dir():
                self.tree(inner, entry)
            elif entry.is_file():
                self.file(inner, entry.read_bytes(), stat.S_IMODE(entry.stat().st_mode))

    def data(self) -> bytes:
        return b"".join(self._parts) + _entry("TRAILER!!!", 0, 0, b"")

    def _add(self, name: str, mode: int, data: bytes) -> None:
        self._parts.append(_entry(name, len(self._parts) + 1, mode, data))


def _entry(name: str, inode: int, mode: int, data: bytes) -> bytes:
    path = os.fsencode(name) + b"\0"
    uid = gid = time = major = minor = rmajor = rminor = check = 0
    fields = (inode, mode, uid, gid, 1, time, len(data), major, minor, rmajor, rminor,
              len(path), check)
    header = b"070701" + b"".join(b"%08x" % field for field in fields)
    return _padded(header + path) + _padded(data)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
