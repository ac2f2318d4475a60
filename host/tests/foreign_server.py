# SPDX-License-Identifier: BSD-3-Clause
"""An ivshmem server that is not ours, for tests: it gives a file that can't be sealed, as QEMU's does."""

import os
import socket
import struct
from pathlib import Path

VECTORS = 2
OWN, GUEST = 7, 3  # IDs
SIZE = 1 << 20


def eventfd() -> int:
    return int(os.eventfd(0, os.EFD_NONBLOCK))  # type: ignore[attr-defined]


class ForeignServer:
    def __init__(self, path: Path, backlog: int = 1) -> None:
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen(backlog)
        self.memory = os.memfd_create("foreign")
        os.ftruncate(self.memory, SIZE)
        self.events = [eventfd() for _ in range(VECTORS)]
        self.guest_events = [eventfd() for _ in range(VECTORS)]
        self.wire: socket.socket | None = None

    def close(self) -> None:
        self.listener.close()
        if self.wire:
            self.wire.close()
        for fd in (self.memory, *self.events, *self.guest_events):
            os.close(fd)

    def say(self, number: int, *fds: int) -> None:
        assert self.wire
        socket.send_fds(self.wire, [struct.pack("<q", number)], fds)

    def greet(self) -> None:
        self.wire, _ = self.listener.accept()
        self.say(0)
        self.say(OWN)
        self.say(-1, self.memory)
        for event in self.events:
            self.say(OWN, event)

    def introduce_guest(self) -> None:
        for event in self.guest_events:
            self.say(GUEST, event)
