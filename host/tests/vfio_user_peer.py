# SPDX-License-Identifier: BSD-3-Clause
"""A small vfio-user client and driver of the card, for tests that choose each message."""

import array
import fcntl
import mmap
import os
import socket
import struct
from collections.abc import Sequence
from pathlib import Path

from words import store_word

VERSION, DMA_MAP, DMA_UNMAP, REGION_INFO, IO_FDS = 1, 2, 3, 5, 6
SET_IRQS, REGION_READ, REGION_WRITE, RESET = 8, 9, 10, 13
NO_REPLY, ERROR = 0x10, 0x20

# guest-kmod/uapi/bellwire.h, part 3
VECTORS, MEMORY_LOW, MEMORY_HIGH, CONTROL, STATUS, DOORBELL = 0x0C, 0x10, 0x14, 0x18, 0x1C, 0x100
OFF, READY, BAD_MEMORY, FAILED = range(4)
QUEUE_OFFSET = 24  # in the format
SERVED = 192       # in a queue: status.generation

MEMORY = 1 << 20  # the card's, as it asks for it
ADDRESS = 0x100000


def message(command: int, payload: bytes = b"", flags: int = 0) -> bytes:
    return struct.pack("<HHIII", 1, command, 16 + len(payload), flags, 0) + payload


def store(offset: int, value: int, flags: int = 0) -> bytes:
    """A write to a register of BAR 0."""
    return message(REGION_WRITE, struct.pack("<QIII", offset, 0, 4, value), flags)


class Peer:
    def __init__(self, path: Path, patience: float) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(patience)
        self.socket.connect(str(path))
        self.ask(message(VERSION, struct.pack("<HH", 0, 0) +
                         b'{"capabilities":{"max_msg_fds":16}}\0'))

    def close(self) -> None:
        self.socket.close()

    def say(self, messages: bytes, fds: Sequence[int] = ()) -> None:
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        self.socket.sendmsg([messages], rights)

    def answer(self) -> tuple[int, bytes, list[int]]:
        """Its errno, its payload, its descriptors."""
        header, fds, *_ = socket.recv_fds(self.socket, 16, 64)
        if len(header) < 16:
            raise EOFError("the server closed the connection")
        _, _, size, flags, error = struct.unpack("<HHIII", header)
        payload = self.socket.recv(size - 16, socket.MSG_WAITALL) if size > 16 else b""
        return error if flags & ERROR else 0, payload, list(fds)

    def ask(self, request: bytes, fds: Sequence[int] = ()) -> tuple[int, bytes, list[int]]:
        self.say(request, fds)
        return self.answer()

    def load(self, offset: int) -> int:
        _, payload, _ = self.ask(message(REGION_READ, struct.pack("<QII", offset, 0, 4)))
        return int(struct.unpack_from("<I", payload, 16)[0])

    def give_memory(self, address: int = ADDRESS) -> mmap.mmap:
        """The guest's memory, which is mapped for the card."""
        fd = os.memfd_create("guest", os.MFD_ALLOW_SEALING)
        os.ftruncate(fd, MEMORY)
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW)
        self.ask(message(DMA_MAP, struct.pack("<IIQQQ", 32, 3, 0, address, MEMORY)), [fd])
        memory = mmap.mmap(fd, MEMORY)
        os.close(fd)
        self.give_registers(address)
        return memory

    def give_registers(self, address: int = ADDRESS) -> None:
        """Where the memory is, and how many vectors there are; a reset forgets both."""
        for offset, value in ((VECTORS, 8), (MEMORY_LOW, address & 0xFFFFFFFF),
                              (MEMORY_HIGH, address >> 32)):
            self.ask(store(offset, value))

    def connect_interrupts(self, count: int) -> None:
        """To eventfds that nobody reads."""
        events = [os.eventfd(0) for _ in range(count)]  # type: ignore[attr-defined]
        for first in range(0, count, 16):
            part = events[first:first + 16]
            self.ask(message(SET_IRQS, struct.pack("<IIIII", 20, 4 | 32, 2, first, len(part))), part)
        for event in events:
            os.close(event)

    def turn_on(self) -> int:
        """Returns the value of STATUS afterwards."""
        self.ask(store(CONTROL, 1))
        return self.load(STATUS)

    def doorbells(self) -> list[int]:
        """The eventfds that a client may give to KVM."""
        return self.ask(message(IO_FDS, struct.pack("<IIII", 1000, 0, 0, 0)))[2]

    def page(self) -> mmap.mmap:
        """The doorbell page, BAR 2."""
        _, _, fds = self.ask(message(REGION_INFO, struct.pack("<IIIIQQ", 32, 0, 2, 0, 0, 0)))
        page = mmap.mmap(fds[0], mmap.PAGESIZE)
        os.close(fds[0])
        return page


def queue_of(memory: mmap.mmap) -> int:
    """Where queue 0 is."""
    return int(struct.unpack_from("<Q", memory, QUEUE_OFFSET)[0])


def claim(memory: mmap.mmap) -> None:
    """Begins a generation of queue 0; ring then."""
    store_word(memory, queue_of(memory), "<I", 1)


def served(memory: mmap.mmap) -> bool:
    """Whether the device serves it."""
    return bool(struct.unpack_from("<I", memory, queue_of(memory) + SERVED)[0] == 1)
