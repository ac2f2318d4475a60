# SPDX-License-Identifier: BSD-3-Clause
"""Our own stdin, stdout and stderr, which may be full, closed, or without a reader.

A Sink writes from a thread, so its caller never waits. The descriptor stays as it is (blocking,
shared): other processes use it, too.
"""

import io
import os
import socket
import sys
import threading
import time
from contextlib import suppress

from bellwire.core.places import HarnessError

ROOM = 1 << 18  # bytes under way


class OutputError(HarnessError):
    """Our output can't be written."""


class ReaderGone(Exception):
    """The reader of our output closed it."""


def failure(fd: int, error: OSError) -> Exception:
    name = {1: "stdout", 2: "stderr"}.get(fd, f"descriptor {fd}")
    if isinstance(error, BrokenPipeError):
        return ReaderGone()
    return OutputError(f"{name} can't be written: {error.strerror}: choose another place for the "
                       "output")


class Sink:
    """Writes what is put into it, in order, as fast as the reader takes it."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._parts: list[bytes] = []
        self._size = 0
        self._error: OSError | None = None
        self._changed = threading.Condition()
        self._writer = threading.Thread(target=self._write, daemon=True)

    def room(self) -> bool:
        """Whether there is room for more. Raises if earlier output could not be written."""
        self.check()
        return self._size < ROOM

    def put(self, data: bytes) -> None:
        if not self._writer.is_alive() and not self._error:
            self._writer.start()  # not before: children are started best without threads
        with self._changed:
            self._parts.append(data)
            self._size += len(data)
            self._changed.notify_all()

    def check(self) -> None:
        if self._error:
            raise failure(self._fd, self._error) from None

    def drain(self, limit: float | None) -> bool:
        """Whether all is written within `limit` seconds, or could not be written at all."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._size or self._error is not None, limit)

    def _write(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._parts)
                data = self._parts.pop(0)
            try:
                self._write_all(data)
            except OSError as error:
                with self._changed:
                    self._error = error
                    self._changed.notify_all()
                return

    def _write_all(self, data: bytes) -> None:
        while data:
            count = os.write(self._fd, data[:ROOM])
            data = data[count:]
            with self._changed:
                self._size -= count
                self._changed.notify_all()


class _Stdout(io.FileIO):
    """Its errors name the descriptor."""

    def write(self, data: bytes, /) -> int:  # type: ignore[override]
        try:
            return super().write(data)
        except OSError as error:
            raise failure(self.fileno(), error) from None


def take_stdout() -> None:
    """From now on print() raises OutputError or ReaderGone."""
    raw = _Stdout(1, "w", closefd=False)
    sys.stdout = io.TextIOWrapper(io.BufferedWriter(raw), "utf-8", "surrogateescape",
                                  line_buffering=os.isatty(1))


def end_stdout() -> None:
    """Flushes it, so that the interpreter does not report a failure again when it ends."""
    try:
        sys.stdout.flush()
    except (OutputError, ReaderGone):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def until_drained(sinks: list[Sink], deadline: float | None) -> bool:
    return all(sink.drain(None if deadline is None else max(deadline - time.monotonic(), 0))
               for sink in sinks)


class Source:
    """Sends what we read from our own stdin to a socket, and its end. The other end is `peer`."""

    def __init__(self) -> None:
        self._socket, self.peer = socket.socketpair()

    @staticmethod
    def there() -> bool:
        """Whether our stdin is open, and no terminal, of which a process in the background may not
        read."""
        try:
            os.fstat(0)
        except OSError:
            return False
        return not os.isatty(0)

    def start(self) -> None:
        threading.Thread(target=self._send, daemon=True).start()

    def _send(self) -> None:
        with suppress(OSError):  # it can't be read, or the guest is gone
            while data := os.read(0, ROOM):
                self._socket.sendall(data)
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)
