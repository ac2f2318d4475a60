# SPDX-License-Identifier: BSD-3-Clause
"""Files that another process is still writing, for a guest that may write without end.

A file that grows past its limit ends the run. Of a streamed file, such as a guest's stdout, only
the beginning is kept: the disk gets back what was read beyond it.
"""

import codecs
import ctypes
import os
from contextlib import suppress
from pathlib import Path

from bellwire.core.places import HarnessError

MEBIBYTE = 1 << 20
LIMIT = 256 * MEBIBYTE
KEPT = 64 * MEBIBYTE  # of a stream
CUT = b"\n... the rest is not kept\n"
_PIECE = MEBIBYTE
_PUNCH_HOLE = 0x02 | 0x01  # of fallocate: gives the blocks back; the file keeps its size
_libc = ctypes.CDLL(None, use_errno=True)


class LineReader:
    """Decodes bytes that come in pieces, which may end within a character or a line."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._rest = ""

    def text(self, data: bytes) -> str:
        return self._decoder.decode(data)

    def lines(self, data: bytes) -> list[str]:
        """The lines that are complete now."""
        *lines, self._rest = (self._rest + self.text(data)).split("\n")
        return lines


class Growing:
    def __init__(self, path: Path, limit: int = LIMIT, kept: int = KEPT) -> None:
        self.path = path
        self._limit, self._kept = limit, kept
        self._offset = 0
        self._freed = 0  # up to where its blocks were given back, from `kept` on

    def read(self) -> bytes:
        """What was written since the last call, or the first MiB of it."""
        try:
            with self.path.open("rb") as file:
                file.seek(self._offset)
                data = file.read(_PIECE)
        except FileNotFoundError:
            return b""
        self._offset += len(data)
        return data

    def backlog(self) -> int:
        """How many bytes are still to be read."""
        return max(self._size() - self._offset, 0)

    def check(self) -> None:
        """Raises if it takes more of the disk than its limit."""
        if self._size() - self._given_back() > self._limit:
            raise HarnessError(f"'{self.path}' has more than {self._limit // MEBIBYTE} MiB, so the "
                               "run was ended: let the guest write less there")

    def give_back(self) -> None:
        """Frees the blocks of what was read and is not kept."""
        if self._offset - max(self._freed, self._kept) < _PIECE:
            return
        begin = max(self._freed, self._kept)
        with self.path.open("r+b") as file:
            if _libc.fallocate(file.fileno(), _PUNCH_HOLE, ctypes.c_long(begin),
                               ctypes.c_long(self._offset - begin)) == 0:
                self._freed = self._offset

    def finish(self) -> None:
        """Cuts it down to its beginning, once nobody writes it any more."""
        if self._freed:
            with suppress(OSError):
                os.truncate(self.path, self._kept)
                with self.path.open("ab") as file:
                    file.write(CUT)

    def _given_back(self) -> int:
        return max(self._freed - self._kept, 0)

    def _size(self) -> int:
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0
