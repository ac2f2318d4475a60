# SPDX-License-Identifier: BSD-3-Clause
"""A few lines of vhost-user, and of a split virtqueue's driver, for tests of a back-end."""

import mmap
import os
import select
import socket
import struct
from collections.abc import Sequence
from pathlib import Path

from words import store_word

GET_FEATURES, SET_FEATURES, SET_OWNER, SET_MEM_TABLE = 1, 2, 3, 5
SET_VRING_NUM, SET_VRING_ADDR, SET_VRING_BASE, GET_VRING_BASE = 8, 9, 10, 11
SET_VRING_KICK, SET_VRING_CALL, GET_PROTOCOL_FEATURES, SET_PROTOCOL_FEATURES = 12, 13, 15, 16
SET_VRING_ENABLE, GET_INFLIGHT_FD, SET_INFLIGHT_FD = 18, 31, 32

VERSION_1, PROTOCOL_FEATURES = 1 << 32, 1 << 30
WRITABLE = 2  # of a descriptor

GUEST, USER = 0x100000000, 0x7F0000000000
MEMORY = 1 << 20
SIZE = 16
AVAILABLE, USED, BUFFERS = 0x1000, 0x2000, 0x10000
BUFFER = 64  # bytes of each request


def eventfd() -> int:
    return int(os.eventfd(0, os.EFD_NONBLOCK))  # type: ignore[attr-defined]


class Memory:
    """What survives a back-end: the guest's memory, with one ring, its wires, what is in flight."""

    def __init__(self) -> None:
        self.file = os.memfd_create("guest")
        os.ftruncate(self.file, MEMORY)
        self.bytes = mmap.mmap(self.file, MEMORY)
        self.kick = eventfd()
        self.call = eventfd()
        self.inflight: tuple[bytes, int] | None = None
        self.offered = self.taken = 0

    def close(self) -> None:
        self.bytes.close()
        for fd in (self.file, self.kick, self.call, *([self.inflight[1]] if self.inflight else [])):
            os.close(fd)

    def offer(self) -> None:
        """One more request: a buffer that the device fills."""
        head = self.offered % SIZE
        struct.pack_into("<QIHH", self.bytes, head * 16, GUEST + BUFFERS + head * BUFFER, BUFFER,
                         WRITABLE, 0)
        store_word(self.bytes, AVAILABLE + 4 + 2 * head, "<H", head)
        self.offered += 1
        store_word(self.bytes, AVAILABLE + 2, "<H", self.offered & 0xFFFF)

    def ring(self) -> None:
        os.write(self.kick, struct.pack("<Q", 1))

    def used(self) -> int:
        index: int = struct.unpack_from("<H", self.bytes, USED + 2)[0]
        return index

    def wait_used(self, patience: float) -> tuple[int, bytes]:
        """The next request that comes back: its head, and what is in its buffer."""
        while self.used() == self.taken & 0xFFFF:
            if not select.select([self.call], [], [], patience)[0]:
                raise TimeoutError(f"request {self.taken} did not come back")
            os.read(self.call, 8)
        head, written = struct.unpack_from("<II", self.bytes, USED + 4 + 8 * (self.taken % SIZE))
        self.taken += 1
        at = BUFFERS + head * BUFFER
        return head, self.bytes[at:at + written]


class Peer:
    """A front-end's connection."""

    def __init__(self, where: Path | socket.socket, patience: float) -> None:
        if isinstance(where, Path):
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(patience)
            self.socket.connect(str(where))
        else:
            self.socket = where
            self.socket.settimeout(patience)

    def close(self) -> None:
        self.socket.close()

    def say(self, request: int, payload: bytes = b"", fds: Sequence[int] = ()) -> None:
        header = struct.pack("<III", request, 1, len(payload))
        socket.send_fds(self.socket, [header + payload], fds)

    def answer(self) -> tuple[bytes, list[int]]:
        header, fds, *_ = socket.recv_fds(self.socket, 12, 8)
        if len(header) < 12:
            raise EOFError("the back-end closed the connection")
        _, flags, size = struct.unpack("<III", header)
        assert flags == 5, flags
        return self.socket.recv(size, socket.MSG_WAITALL) if size else b"", list(fds)

    def number(self, request: int) -> int:
        self.say(request)
        value: int = struct.unpack("<Q", self.answer()[0])[0]
        return value

    def set_up(self, memory: Memory, base: int = 0) -> None:
        """Everything up to a ring that is served."""
        self.say(SET_PROTOCOL_FEATURES, struct.pack("<Q", self.number(GET_PROTOCOL_FEATURES)))
        self.say(SET_OWNER)
        self.say(SET_FEATURES, struct.pack("<Q", VERSION_1 | PROTOCOL_FEATURES))
        self.share_inflight(memory)
        self.say(SET_MEM_TABLE, struct.pack("<IIQQQQ", 1, 0, GUEST, MEMORY, USER, 0), [memory.file])
        self.say(SET_VRING_NUM, struct.pack("<II", 0, SIZE))
        self.say(SET_VRING_BASE, struct.pack("<II", 0, base))
        self.say(SET_VRING_ADDR, struct.pack("<IIQQQQ", 0, 0, USER, USER + USED, USER + AVAILABLE,
                                             0))
        self.say(SET_VRING_CALL, struct.pack("<Q", 0), [memory.call])
        self.say(SET_VRING_KICK, struct.pack("<Q", 0), [memory.kick])
        self.say(SET_VRING_ENABLE, struct.pack("<II", 0, 1))

    def share_inflight(self, memory: Memory) -> None:
        if not memory.inflight:
            self.say(GET_INFLIGHT_FD, struct.pack("<QQHHI", 0, 0, 1, SIZE, 0))
            where, fds = self.answer()
            memory.inflight = where, fds[0]
        self.say(SET_INFLIGHT_FD, memory.inflight[0], [memory.inflight[1]])

    def stop(self) -> int:
        self.say(GET_VRING_BASE, struct.pack("<II", 0, 0))
        base: int = struct.unpack("<II", self.answer()[0])[1]
        return base
