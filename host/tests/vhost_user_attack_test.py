# SPDX-License-Identifier: BSD-3-Clause
"""What a front-end may do to `bellwire device blk|net|rng` over vhost-user: whatever it is, it gets
one line of the log, costs no descriptor, and the next front-end is served."""

import os
import signal
import socket
import struct
import subprocess
import tempfile
import time
import unittest
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from program import PROGRAM, SLOWER, Checked
from vhost_user_peer import (AVAILABLE, BUFFERS, GET_FEATURES, GET_INFLIGHT_FD,
                             GET_PROTOCOL_FEATURES, GET_VRING_BASE, GUEST, MEMORY,
                             PROTOCOL_FEATURES, SET_FEATURES, SET_INFLIGHT_FD, SET_MEM_TABLE,
                             SET_OWNER, SET_PROTOCOL_FEATURES, SET_VRING_ADDR, SET_VRING_BASE,
                             SET_VRING_CALL, SET_VRING_ENABLE, SET_VRING_KICK, SET_VRING_NUM, SIZE,
                             USED, USER, VERSION_1, Memory, Peer)
from words import store_word

PATIENCE = 20 * SLOWER
COUNTED = 0.01  # s between two looks
RECONNECTS = 1000 // SLOWER
EVERY_REQUEST = range(48)
INDIRECT = 4  # of a descriptor
Attack = Callable[[Peer, Memory], object]


def table(*regions: tuple[int, int, int, int]) -> bytes:
    return struct.pack("<II", len(regions), 0) + b"".join(struct.pack("<QQQQ", *region)
                                                          for region in regions)


def regions(*those: tuple[int, int, int, int]) -> Attack:
    return lambda peer, memory: peer.say(SET_MEM_TABLE, table(*those), [memory.file] * len(those))


def set_up(peer: Peer, memory: Memory, size: int = SIZE, at: int = USER, ring: int = 0) -> None:
    """A ring that is served, unless that is made impossible. Where it is broken off is no matter."""
    peer.say(SET_OWNER)
    peer.say(SET_FEATURES, struct.pack("<Q", VERSION_1 | PROTOCOL_FEATURES))
    peer.say(SET_MEM_TABLE, table((GUEST, MEMORY, USER, 0)), [memory.file])
    peer.say(SET_VRING_NUM, struct.pack("<II", ring, size))
    peer.say(SET_VRING_BASE, struct.pack("<II", ring, 0))
    peer.say(SET_VRING_ADDR, struct.pack("<IIQQQQ", ring, 0, at, at + USED, at + AVAILABLE, 0))
    peer.say(SET_VRING_KICK, struct.pack("<Q", ring), [memory.kick])
    peer.say(SET_VRING_CALL, struct.pack("<Q", ring), [memory.call])
    peer.say(SET_VRING_ENABLE, struct.pack("<II", ring, 1))


def rings(**how: int) -> Attack:
    return lambda peer, memory: set_up(peer, memory, **how)


def words(*those: tuple[int, str, int]) -> Attack:
    """A ring with these words in it, and one chain from descriptor 0 on. The index comes last: the device
    may look at the ring at any time."""
    index = next((value for at, _, value in those if at == AVAILABLE + 2), 1)

    def attack(peer: Peer, memory: Memory) -> None:
        set_up(peer, memory)
        peer.number(GET_FEATURES)
        struct.pack_into("<QIHH", memory.bytes, 0, GUEST + BUFFERS, 64, 2, 0)
        for at, form, value in those:
            if at != AVAILABLE + 2:
                struct.pack_into(form, memory.bytes, at, value)
        store_word(memory.bytes, AVAILABLE + 2, "<H", index)
        memory.ring()
    return attack


def truncated(size: int) -> Attack:
    def attack(peer: Peer, memory: Memory) -> None:
        set_up(peer, memory)
        peer.number(GET_FEATURES)
        os.ftruncate(memory.file, size)
        memory.ring()
    return attack


def inflight(size: int, queues: int, entries: int) -> Attack:
    """A region in the guest's memory."""
    def attack(peer: Peer, memory: Memory) -> None:
        negotiate(peer)
        where = struct.pack("<QQHHI", size, 0, queues, entries, 0)
        peer.say(SET_INFLIGHT_FD if size else GET_INFLIGHT_FD, where, [memory.file][:size])
    return attack


def negotiate(peer: Peer) -> None:
    peer.say(SET_PROTOCOL_FEATURES, struct.pack("<Q", peer.number(GET_PROTOCOL_FEATURES)))


def plain(request: int, payload: bytes = b"", files: int = 0) -> Attack:
    """A message with as many descriptors, of the guest's memory."""
    return lambda peer, memory: peer.say(request, payload, [memory.file] * files)


# What is done, and the one line that says so.
ATTACKS: dict[str, tuple[Attack, str]] = {
    "half a payload's size": (plain(SET_FEATURES, b"abc"), "SET_FEATURES with 3 bytes"),
    "a payload of 4 GiB": (lambda peer, _: peer.socket.sendall(struct.pack("<III", 2, 1, 0xFFFFFFFF)),
                           "a payload of 4294967295 bytes"),
    "another version": (lambda peer, _: peer.socket.sendall(bytes(12)), "version 0, not 1"),
    "a table without its file": (plain(SET_MEM_TABLE, table((GUEST, MEMORY, USER, 0))),
                                 "SET_MEM_TABLE with 0 descriptors"),
    "a kick without its eventfd": (plain(SET_VRING_KICK, bytes(8)), "SET_VRING_KICK with 0 desc"),
    "a kick that is a file": (plain(SET_VRING_KICK, bytes(8), 1), "is not an eventfd"),
    "a call that is a file": (plain(SET_VRING_CALL, bytes(8), 1), "is not an eventfd"),
    "no region": (plain(SET_MEM_TABLE, table()), "SET_MEM_TABLE with 0 regions"),
    "a region beyond its file": (regions((GUEST, MEMORY * 2, USER, 0)), "lie outside its file"),
    "a region that wraps": (regions(((1 << 64) - 4096, MEMORY, USER, 0)), "past the end of all addr"),
    "an offset that wraps": (regions((GUEST, MEMORY, USER, (1 << 64) - 4096)), "are not in a file"),
    "regions that overlap": (regions((GUEST, MEMORY, USER, 0), (GUEST, MEMORY, USER, 0)), "overlaps"),
    "no entries": (rings(size=0), "0 entries, it has 1 to"),
    "65536 entries": (rings(size=65536), "65536 entries, it has 1 to"),
    "a size that is not a power of two": (rings(size=3), "a power of two, which 3 is not"),
    "a ring that is not there": (rings(ring=77), "ring 77: the device has"),
    "an uneven address": (rings(at=USER + 1), "is not aligned to 16"),
    "a ring behind the memory": (rings(at=USER + MEMORY - 16), "is not in the memory that"),
    "a ring that wraps": (rings(at=(1 << 64) - 16 - USED), "is not in the memory that"),
    "an index far ahead": (words((AVAILABLE + 2, "<H", 0x8000)), "more chains than fit"),
    "a head beyond the table": (words((AVAILABLE + 4, "<H", 0xFFFF)), "begins beyond the descr"),
    "a chain without end": (words((12, "<H", 1 | 2), (14, "<H", 0)), "loop after"),
    "a buffer nowhere": (words((0, "<Q", (1 << 64) - 16)), "outside of the guest's memory"),
    "a buffer of 4 GiB": (words((8, "<I", 0xFFFFFFFF)), "outside of the guest's memory"),
    "an indirect table": (words((12, "<H", INDIRECT)), "indirect descriptor without"),
    "memory that is gone": (truncated(0), "was truncated while in use"),
    "an inflight region beyond its file": (inflight(MEMORY * 2, 1, SIZE), "SET_INFLIGHT_FD is ref"),
    "an inflight region of 4 EiB": (inflight(1 << 62, 65535, 65535), "SET_INFLIGHT_FD is refused"),
    "an inflight region for too many": (inflight(0, 65535, 65535), "of 65535 entries"),
}


class Attacks(Checked):
    def setUp(self) -> None:
        super().setUp()
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.socket = self.folder / "socket"
        self.log = self.folder / "log"

    def start(self, device: str) -> None:
        """Returns once it has served its first front-end."""
        options: dict[str, list[str]] = {
            "blk": ["--size=1M"], "net": [f"--on=vhost-user:{self.folder}/other"], "rng": []}
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [PROGRAM, "--log-level=info", "device", device, f"--on=vhost-user:{self.socket}",
                 *options[device]],
                stdin=subprocess.DEVNULL, stderr=log)
        self.addCleanup(self.process.wait, PATIENCE)
        self.addCleanup(self.process.kill)
        services = 2 if device == "net" else 1
        self.wait(lambda: self.log.read_text().count("is served on") == services)
        sockets = self.opened("socket:")
        with self.memory() as memory, self.peer() as peer:  # what it opens for its first front-end
            set_up(peer, memory)
            peer.number(GET_FEATURES)
        self.served()
        self.wait(lambda: self.opened("socket:") <= sockets)
        self.descriptors = self.opened()

    @contextmanager
    def memory(self) -> Iterator[Memory]:
        memory = Memory()
        yield memory
        memory.close()

    @contextmanager
    def peer(self) -> Iterator[Peer]:
        """The next front-end; the one before may not be gone yet."""
        peer = None

        def welcome() -> bool:
            nonlocal peer
            peer = Peer(self.socket, PATIENCE)
            with suppress(EOFError, ConnectionError):
                return bool(peer.number(GET_FEATURES))
            peer.close()
            return False

        self.wait(welcome)
        assert peer
        yield peer
        peer.close()

    def wait(self, happens: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE
        while not happens():
            self.assertIsNone(self.process.poll())
            self.assertLess(time.monotonic(), end, self.log.read_text())
            time.sleep(COUNTED)

    def served(self) -> None:
        with self.peer():
            pass

    def opened(self, kind: str = "") -> int:
        count = 0
        for file in Path(f"/proc/{self.process.pid}/fd").iterdir():
            with suppress(FileNotFoundError):
                count += os.readlink(file).startswith(kind)
        return count

    def lines(self) -> list[str]:
        """Warnings, but for the front-ends that came while another one was leaving."""
        return [line for line in self.log.read_text().splitlines()
                if "warning: " in line and "another front-end is refused" not in line]

    def end(self) -> None:
        self.wait(lambda: self.opened() <= self.descriptors)
        self.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.process.wait(PATIENCE), 0)
        self.assertEqual([path.name for path in self.folder.iterdir()], ["log"])

    def test_each_gets_one_line_and_the_next_is_served(self) -> None:
        for device in ("blk", "net", "rng"):
            for name, (attack, says) in ATTACKS.items():
                with self.subTest(name, device=device):
                    self.start(device)
                    with self.memory() as memory, self.peer() as peer:
                        with suppress(ConnectionError):
                            attack(peer, memory)
                        self.wait(lambda: bool(self.lines()))
                    self.served()
                    self.end()
                    said = self.lines()
                    self.assertEqual(len(said), 1, said)
                    self.assertIn(says, said[0])

    def test_every_request_with_payloads_of_any_size(self) -> None:
        self.start("blk")
        for request in EVERY_REQUEST:
            for size in (0, 1, 7, 9, 4000):
                with self.peer() as peer, suppress(ConnectionError):
                    peer.say(request, b"\xff" * size)
        self.end()

    def test_descriptors_that_nobody_asked_for(self) -> None:
        self.start("rng")
        with self.memory() as memory:
            for request in EVERY_REQUEST:
                with self.peer() as peer, suppress(ConnectionError):
                    peer.say(request, bytes(8), [memory.file] * 250)
        self.end()

    def test_front_ends_that_come_and_go(self) -> None:
        self.start("blk")
        with self.memory() as memory:
            for number in range(RECONNECTS):
                with socket.socket(socket.AF_UNIX) as client, suppress(ConnectionError):
                    client.settimeout(PATIENCE)
                    client.connect(str(self.socket))
                    if number % 3 == 1:
                        set_up(Peer(client, PATIENCE), memory)
                    if number % 3 == 2:
                        client.sendall(bytes(number % 12 + 1))
        self.served()
        self.end()

    def test_one_that_asks_and_never_reads(self) -> None:
        self.start("rng")
        with self.peer() as peer:
            peer.socket.setblocking(False)
            with suppress(BlockingIOError):
                while True:
                    peer.say(GET_FEATURES)
        self.served()
        self.end()

    def test_messages_out_of_order(self) -> None:
        self.start("rng")
        with self.memory() as memory, self.peer() as peer:
            peer.say(SET_VRING_ENABLE, struct.pack("<II", 0, 1))
            peer.say(GET_VRING_BASE, bytes(8))
            peer.answer()
            for _ in range(20):
                set_up(peer, memory)
            self.assertTrue(peer.number(GET_FEATURES))
        self.assertEqual(self.lines(), [])
        self.end()


if __name__ == "__main__":
    unittest.main()
