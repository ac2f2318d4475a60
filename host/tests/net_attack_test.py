# SPDX-License-Identifier: BSD-3-Clause
"""What one port of `bellwire device net` may do to its own wires and memory, and what it must not do
to the others."""

import contextlib
import os
import signal
import socket
import struct
import subprocess
import sys
import time
import unittest
from pathlib import Path

from net_peer import EVERYBODY, HEADER, MEMORY, TRANSMIT, Card, frame
from net_test import PATIENCE, NetTest
from program import TSAN, pause, pipe
from vhost_user_peer import SET_VRING_KICK
from words import store_word

FLOOD = Path(__file__).with_name("net_flood.py")
FULL = 0xFFFFFFFFFFFFFFFE  # the highest count of an eventfd
NO_FD = 1 << 8  # of SET_VRING_KICK: the ring is to be polled
QUIET = 0.2  # s


def activity(pid: int) -> list[str]:
    """Of each thread: how often it has slept and was interrupted, and its CPU time."""
    said = []
    tasks = sorted(Path(f"/proc/{pid}/task").iterdir(), key=lambda task: int(task.name))
    if TSAN:
        del tasks[1]  # its own thread, which was there before main() and wakes up all the time
    for task in tasks:
        status = (task / "status").read_text().splitlines()
        times = (task / "stat").read_text().split(") ")[1].split()[11:13]
        said.append(" ".join([task.name, *times, *status[-2:]]))
    return said


class Attacks(NetTest):
    def rests(self, process: subprocess.Popen[str]) -> None:
        """It does nothing at all for a moment, some time. A loop that is busy never does."""
        end = time.monotonic() + PATIENCE
        before = activity(process.pid)
        while True:
            time.sleep(QUIET)
            now = activity(process.pid)
            if now == before:
                break
            self.assertLess(time.monotonic(), end, f"it does not rest: {before}, then {now}")
            before = now
        print(f"at rest: {now}")

    def take_away(self, fd: int) -> None:
        """The count of an eventfd, if it is still there."""
        os.set_blocking(fd, False)
        with contextlib.suppress(BlockingIOError):
            os.read(fd, 8)
        os.set_blocking(fd, True)

    def card_soon(self, port: int) -> Card:
        """At a port that is about to be served."""
        end = time.monotonic() + PATIENCE
        while True:
            try:
                return self.card(port)
            except (FileNotFoundError, ConnectionRefusedError):
                self.assertLess(time.monotonic(), end)
                time.sleep(0.01)

    def flood(self, port: int) -> subprocess.Popen[str]:
        process = subprocess.Popen([sys.executable, FLOOD, self.place(port)], text=True,
                                   stdout=subprocess.PIPE)
        self.addCleanup(process.wait, PATIENCE)
        self.addCleanup(process.kill)
        self.addCleanup(pipe(process.stdout).close)
        self.assertEqual(pipe(process.stdout).readline(), "here\n")
        return process

    def exchange_in_a_flood(self, one: Card, other: Card, count: int = 50) -> None:
        """The flood may take the room of a frame; it is sent again then."""
        end = time.monotonic() + PATIENCE
        for number in range(count):
            sent = frame(other.address, one.address, 100) + struct.pack("<I", number)
            while not self.came(other, sent):
                self.assertLess(time.monotonic(), end)
                one.send(sent)
                while one.has_frame():
                    one.receive()

    def came(self, card: Card, sent: bytes) -> bool:
        while card.has_frame():
            if card.receive() == sent:
                return True
        return False

    def test_64_ports_are_one_ethernet(self) -> None:
        process = self.start(64, said=1)  # the log does not say it 64 times
        cards = [self.card_soon(port) for port in range(64)]
        for card in cards:
            sent = frame(EVERYBODY, card.address)
            card.send(sent)
            for other in cards:
                if other is not card:
                    self.assertEqual(other.receive(), sent)
        self.exchange(cards[0], cards[63], 5)
        self.assertFalse(any(card.has_frame() for card in cards))
        self.rests(process)

    def test_a_peer_that_floods_is_stopped_and_is_killed(self) -> None:
        process = self.start(3)
        one, other = self.card(0), self.card(1)
        for _ in range(3):
            flood = self.flood(2)
            self.exchange_in_a_flood(one, other)
            pause(flood)
            self.exchange_in_a_flood(one, other)
            self.rests(process)
            flood.send_signal(signal.SIGCONT)
            self.exchange_in_a_flood(one, other, 5)
            flood.kill()
            flood.wait(PATIENCE)
        self.exchange_in_a_flood(one, other)
        self.rests(process)

    def test_wires_that_block_and_are_full_block_nobody(self) -> None:
        process = self.start(3)
        one, other, hostile = (self.card(port) for port in range(3))
        for ring in hostile.rings:
            os.write(ring.call, struct.pack("<Q", FULL))
            os.set_blocking(ring.call, True)
            os.set_blocking(ring.kick, True)
        transmit = hostile.rings[TRANSMIT]
        for number in range(200):  # kicks that are taken away again, perhaps before they are seen
            sent = frame(EVERYBODY, hostile.address, 60 + number)
            transmit.offer(bytes(HEADER) + sent)
            if number % 2:
                self.take_away(transmit.kick)
                os.write(transmit.kick, struct.pack("<Q", 1))
            self.assertEqual(one.receive_of(hostile.address), sent)
            self.assertEqual(other.receive_of(hostile.address), sent)
        self.exchange(one, other)
        self.rests(process)

    def test_a_socket_that_blocks_blocks_nobody(self) -> None:
        near, far = socket.socketpair(socket.AF_UNIX)
        process = self.start(2, f"--on=vhost-user:fd={far.fileno()}", fds=(far.fileno(),))
        one, other = self.card(0), self.card(1)
        hostile = self.card(2, near)
        far.setblocking(True)
        self.exchange(one, other, 5)
        hostile.send(frame(EVERYBODY, hostile.address))
        self.assertEqual(one.receive_of(hostile.address), other.receive_of(hostile.address))
        far.setblocking(True)
        hostile.peer.socket.send(b"\x01\x00\x00\x00")  # a third of a header
        self.exchange(one, other, 5)
        self.rests(process)
        far.close()

    def test_memory_that_shrinks_costs_its_port_alone(self) -> None:
        process = self.start(3)
        one, other = self.card(0), self.card(1)
        for size in 0, 0x1000, 0x4000, MEMORY // 2, MEMORY - 0x1000:
            victim = self.card(2)
            victim.send(frame(EVERYBODY, victim.address))
            self.assertEqual(one.receive_of(victim.address), other.receive_of(victim.address))
            os.ftruncate(victim.file, size)
            for ring in victim.rings:
                os.write(ring.kick, struct.pack("<Q", 1))
            self.exchange(one, other, 5)
            one.send(frame(EVERYBODY, one.address))
            other.receive_of(one.address)
            self.exchange(one, other, 5)
            victim.hang_up()
        self.assertIsNone(process.poll())
        self.rests(process)

    def test_a_port_that_asks_to_be_polled_starves_no_other(self) -> None:
        process = self.start(3)
        one, other, polled = (self.card(port) for port in range(3))
        polled.peer.say(SET_VRING_KICK, struct.pack("<Q", TRANSMIT | NO_FD))
        self.exchange(one, other)
        transmit = polled.rings[TRANSMIT]
        for number in range(50):
            sent = frame(EVERYBODY, polled.address, 60 + number)
            polled.send(sent)
            self.assertEqual(one.receive_of(polled.address), sent)
            self.assertEqual(other.receive_of(polled.address), sent)
        polled.peer.say(SET_VRING_KICK, struct.pack("<Q", TRANSMIT), [transmit.kick])
        polled.send(frame(EVERYBODY, polled.address))
        one.receive_of(polled.address)
        self.rests(process)

    def test_a_broken_ring_breaks_its_port_alone(self) -> None:
        process = self.start(3)
        one, other, broken = (self.card(port) for port in range(3))
        ring = broken.rings[TRANSMIT]
        store_word(ring.memory, ring.available + 2, "<H", 0x7FFF)
        os.write(ring.kick, struct.pack("<Q", 1))
        self.until(process, "net queue 1 is broken")
        self.exchange(one, other)
        sent = frame(EVERYBODY, one.address, 77)
        one.send(sent)
        for card in other, broken:
            card.receive_where(sent.__eq__)
        self.rests(process)


if __name__ == "__main__":
    unittest.main()
