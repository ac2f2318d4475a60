# SPDX-License-Identifier: BSD-3-Clause
"""A network card's driver behind vhost-user, for tests: frames in and out, in plain Python."""

import mmap
import os
import select
import socket
import struct
import time
from collections.abc import Callable
from pathlib import Path

from vhost_user_peer import (GUEST, PROTOCOL_FEATURES, SET_FEATURES, SET_MEM_TABLE, SET_OWNER,
                             SET_VRING_ADDR, SET_VRING_BASE, SET_VRING_CALL, SET_VRING_ENABLE,
                             SET_VRING_KICK, SET_VRING_NUM, USER, VERSION_1, WRITABLE, Peer,
                             eventfd)
from words import store_word

EVENT_INDEX = 1 << 29

EVERYBODY = b"\xff" * 6
HEADER = 12  # bytes of virtio_net_hdr_v1
RECEIVE, TRANSMIT = 0, 1
MEMORY = 1 << 20
SIZE = 16  # of each ring
BUFFER = 2048  # bytes


def station(number: int) -> bytes:
    return bytes([2, 0, 0, 0, 0, number])


def frame(to: bytes, source: bytes, size: int = 60) -> bytes:
    return (to + source + b"\x88\xb5" + bytes(n & 0xFF for n in range(size)))[:size]


class Ring:
    """A split virtqueue, of which one is the receive queue's and one the transmit queue's."""

    def __init__(self, memory: mmap.mmap, at: int) -> None:
        self.memory = memory
        self.table, self.available, self.used, self.buffers = (at, at + 0x1000, at + 0x2000,
                                                               at + 0x4000)
        self.kick, self.call = eventfd(), eventfd()
        self.offered = self.taken = 0

    def close(self) -> None:
        os.close(self.kick)
        os.close(self.call)

    def offer(self, content: bytes | None = None) -> None:
        """A buffer to be filled, or one with that content."""
        head = self.offered % SIZE
        at = self.buffers + head * BUFFER
        if content is not None:
            self.memory[at:at + len(content)] = content
        size, flags = (BUFFER, WRITABLE) if content is None else (len(content), 0)
        struct.pack_into("<QIHH", self.memory, self.table + head * 16, GUEST + at, size, flags, 0)
        store_word(self.memory, self.available + 4 + 2 * head, "<H", head)
        self.offered += 1
        store_word(self.memory, self.available + 2, "<H", self.offered & 0xFFFF)
        os.write(self.kick, struct.pack("<Q", 1))

    def served(self) -> bool:
        """Whether the device has taken all that was offered: it asks for a kick for the next."""
        index: int = struct.unpack_from("<H", self.memory, self.used + 4 + 8 * SIZE)[0]
        return index == self.offered & 0xFFFF

    def ready(self) -> bool:
        index: int = struct.unpack_from("<H", self.memory, self.used + 2)[0]
        return index != self.taken & 0xFFFF

    def take(self, patience: float) -> bytes:
        """What was written to the next buffer that comes back."""
        store_word(self.memory, self.available + 4 + 2 * SIZE, "<H", self.taken & 0xFFFF)
        while not self.ready():
            if not select.select([self.call], [], [], patience)[0]:
                raise TimeoutError(f"buffer {self.taken} did not come back")
            os.read(self.call, 8)
        head, written = struct.unpack_from("<II", self.memory,
                                           self.used + 4 + 8 * (self.taken % SIZE))
        self.taken += 1
        at = self.buffers + head * BUFFER
        return self.memory[at:at + written]


class Card:
    """A card at a port, with all its buffers offered. Its address is its own choice."""

    size = SIZE
    _number = 0

    def __init__(self, where: Path | socket.socket, patience: float) -> None:
        Card._number += 1
        self.address = station(Card._number % 200)
        self.patience = patience
        self.peer = Peer(where, patience)
        self.file = os.memfd_create("guest")
        os.ftruncate(self.file, MEMORY)
        self.memory = mmap.mmap(self.file, MEMORY)
        self.rings = [Ring(self.memory, 0), Ring(self.memory, MEMORY // 2)]
        self._set_up()
        for _ in range(SIZE):
            self.rings[RECEIVE].offer()
        self.settle()

    def _set_up(self) -> None:
        say = self.peer.say
        say(SET_OWNER)
        say(SET_FEATURES, struct.pack("<Q", VERSION_1 | EVENT_INDEX | PROTOCOL_FEATURES))
        say(SET_MEM_TABLE, struct.pack("<IIQQQQ", 1, 0, GUEST, MEMORY, USER, 0), [self.file])
        for index, ring in enumerate(self.rings):
            say(SET_VRING_NUM, struct.pack("<II", index, SIZE))
            say(SET_VRING_BASE, struct.pack("<II", index, 0))
            say(SET_VRING_ADDR, struct.pack("<IIQQQQ", index, 0, USER + ring.table,
                                            USER + ring.used, USER + ring.available, 0))
            say(SET_VRING_CALL, struct.pack("<Q", index), [ring.call])
            say(SET_VRING_KICK, struct.pack("<Q", index), [ring.kick])
            say(SET_VRING_ENABLE, struct.pack("<II", index, 1))

    def settle(self) -> None:
        """Until the card has the buffers."""
        end = time.monotonic() + self.patience
        while not self.rings[RECEIVE].served():
            if time.monotonic() > end:
                raise TimeoutError("the buffers to receive were not taken")
            time.sleep(0.001)

    def hang_up(self) -> None:
        """As if the process were killed."""
        self.peer.close()

    def close(self) -> None:
        self.peer.close()
        for ring in self.rings:
            ring.close()
        self.memory.close()
        os.close(self.file)

    def send_bytes(self, content: bytes) -> None:
        """A header and a frame. Returns when the card has taken it."""
        ring = self.rings[TRANSMIT]
        ring.offer(content)
        ring.take(self.patience)

    def send(self, sent: bytes) -> None:
        self.send_bytes(bytes(HEADER) + sent)

    def has_frame(self) -> bool:
        return self.rings[RECEIVE].ready()

    def receive(self) -> bytes:
        """The next frame; its buffer is offered again."""
        got = self.rings[RECEIVE].take(self.patience)
        self.rings[RECEIVE].offer()
        assert got[:HEADER] == bytes(10) + b"\x01\x00", got[:HEADER]
        return got[HEADER:]

    def receive_where(self, wanted: Callable[[bytes], bool]) -> bytes:
        while not wanted(got := self.receive()):
            pass
        return got

    def receive_of(self, source: bytes) -> bytes:
        """The next frame that comes from that address."""
        return self.receive_where(lambda got: got[6:12] == source)
