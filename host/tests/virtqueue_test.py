# SPDX-License-Identifier: BSD-3-Clause
"""`bellwire device echo` and `digest` on virtqueues: as back-ends of vhost-user, and as virtio devices
over vfio-user (guest-kmod/uapi/bellwire_virtio.h)."""

import mmap
import os
import select
import signal
import struct
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

import vfio_user_peer
from program import PROGRAM, SLOWER, Checked, pipe
from vhost_user_peer import AVAILABLE, BUFFERS, GUEST, USED, Memory, Peer
from words import store_word

PATIENCE = 20 * SLOWER
NEXT, WRITABLE = 1, 2
ROOM = 1024                   # bytes of guest memory for each request
HEADER, REPLY = "<QII", "<QII"
CONFIG_SPACE = 7              # the region of a PCI device
LONG = 60_000_000             # µs that delay takes at most: longer than any test


class Requests(Memory):
    """With requests of two buffers, a readable and a writable one."""

    def send(self, content: bytes, room: int, operation: int = 0) -> int:
        number = self.offered % 8
        head = 2 * number
        at = BUFFERS + number * ROOM
        readable = struct.pack(HEADER, number, operation, 0) + content
        self.bytes[at:at + len(readable)] = readable
        struct.pack_into("<QIHHQIHH", self.bytes, head * 16, GUEST + at, len(readable), NEXT,
                         head + 1, GUEST + at + ROOM // 2, struct.calcsize(REPLY) + room, WRITABLE, 0)
        store_word(self.bytes, AVAILABLE + 4 + 2 * (self.offered % 16), "<H", head)
        self.offered += 1
        store_word(self.bytes, AVAILABLE + 2, "<H", self.offered & 0xFFFF)
        return number

    def set_operation(self, number: int, operation: int) -> None:
        struct.pack_into("<I", self.bytes, BUFFERS + number * ROOM + 8, operation)

    def in_flight(self) -> int:
        """Requests that the device has in hand, by the inflight region."""
        assert self.inflight
        with mmap.mmap(self.inflight[1], 0) as region:
            return sum(region[16 + 16 * head] for head in range(16))

    def come(self) -> bool:
        """Waits for the next one that comes back."""
        while self.used() == self.taken & 0xFFFF:
            if not select.select([self.call], [], [], PATIENCE)[0]:
                return False
            os.read(self.call, 8)
        return True

    def next_number(self) -> int:
        head, = struct.unpack_from("<I", self.bytes, USED + 4 + 8 * (self.taken % 16))
        return int(head // 2)

    def answer(self, number: int) -> tuple[int, int, bytes]:
        """Result, status and output, once it has come back."""
        taken = self.taken
        head, _ = self.wait_used(PATIENCE)
        assert head == 2 * number, (head, number)
        written, = struct.unpack_from("<I", self.bytes, USED + 8 + 8 * (taken % 16))
        at = BUFFERS + number * ROOM + ROOM // 2
        result, length, status = struct.unpack_from(REPLY, self.bytes, at)
        assert written == struct.calcsize(REPLY) + length
        at += struct.calcsize(REPLY)
        return result, status, self.bytes[at:at + length]


class VirtqueueTest(Checked):
    def setUp(self) -> None:
        super().setUp()
        self.socket = Path(self.enterContext(tempfile.TemporaryDirectory())) / "device"
        self.memory = Requests()
        self.addCleanup(self.memory.close)

    def start(self, device: str, where: str, *options: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [PROGRAM, "--log-level=info", "device", device, "--on", where, *options], text=True,
            stderr=subprocess.PIPE)
        self.addCleanup(process.wait, PATIENCE)
        self.addCleanup(process.kill)
        self.addCleanup(pipe(process.stderr).close)
        for line in pipe(process.stderr):
            if "is served on" in line:
                return process
        self.fail(f"{where}: it ended with status {process.wait(PATIENCE)}")

    def connect(self) -> Peer:
        peer = Peer(self.socket, PATIENCE)
        self.addCleanup(peer.close)
        peer.set_up(self.memory, self.memory.used())
        return peer

    def call(self, content: bytes, room: int) -> tuple[int, int, bytes]:
        number = self.memory.send(content, room)
        self.memory.ring()
        return self.memory.answer(number)

    def test_echo_and_digest_answer_front_ends_of_vhost_user(self) -> None:
        self.start("echo", f"vhost-user:{self.socket}", "--queues=4")
        peer = self.connect()
        for number in range(40):
            content = f"request {number}".encode()
            self.assertEqual(self.call(content, 64), (0, 0, content))
        self.assertEqual(peer.number(17), 4)  # GET_QUEUE_NUM
        peer.close()

    def test_digest_answers_with_a_number(self) -> None:
        self.start("digest", f"vhost-user:{self.socket}")
        self.connect()
        self.assertEqual(self.call(b"123456789", 0), (0xE3069283, 0, b""))

    def test_killed_and_started_again_it_answers_what_was_left(self) -> None:
        for _ in range(3):
            process = self.start("echo", f"vhost-user:{self.socket}")
            peer = self.connect()
            self.call(b"first", 64)
            process.send_signal(signal.SIGSTOP)
            left = [self.memory.send(f"left {n}".encode(), 64) for n in range(6)]
            self.memory.ring()
            process.kill()
            process.wait(PATIENCE)
            peer.close()
            process = self.start("echo", f"vhost-user:{self.socket}")
            peer = self.connect()
            for n, number in enumerate(left):
                self.assertEqual(self.memory.answer(number), (0, 0, f"left {n}".encode()))
            process.kill()
            process.wait(PATIENCE)
            peer.close()

    def test_killed_with_requests_in_hand_it_answers_each_once(self) -> None:
        process = self.start("delay", f"vhost-user:{self.socket}")
        peer = self.connect()
        contents = [f"in hand {n}".encode() for n in range(6)]
        sent = {self.memory.send(content, 64, LONG): content for content in contents}
        self.memory.ring()
        deadline = time.monotonic() + PATIENCE
        while self.memory.in_flight() < len(sent):
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)
        process.kill()
        process.wait(PATIENCE)
        peer.close()
        for number in sent:
            self.memory.set_operation(number, 0)  # nobody has it now
        self.start("delay", f"vhost-user:{self.socket}")
        self.connect()
        while sent:
            self.assertTrue(self.memory.come(), f"{len(sent)} did not come back")
            number = self.memory.next_number()
            self.assertEqual(self.memory.answer(number), (0, 0, sent.pop(number)))
        self.assertEqual(self.memory.in_flight(), 0)

    def identity(self) -> int:
        """The PCI device ID of what serves the socket."""
        peer = vfio_user_peer.Peer(self.socket, PATIENCE)
        _, payload, _ = peer.ask(vfio_user_peer.message(
            vfio_user_peer.REGION_READ, struct.pack("<QII", 2, CONFIG_SPACE, 2)))
        peer.close()
        return int(struct.unpack_from("<H", payload, 16)[0])

    def test_over_vfio_user_it_is_the_card_or_a_virtio_device(self) -> None:
        self.start("echo", f"vfio-user:{self.socket},virtio=1,packed=0")
        self.assertEqual(self.identity(), 0x1040 + 60)

    def test_what_is_wrong_is_named(self) -> None:
        cases: tuple[tuple[list[str], str], ...] = (
            (["echo", "--on", "in-process", "--queues=2"], "--queues: echo has no such option on"),
            (["echo", "--on", f"vhost-user:{self.socket}", "--size=1M"], "--size: echo has no such"),
            (["echo", "--on", f"vhost-user:{self.socket}", "--queues=33"], "from 1 to 32"),
            (["echo", "--on", f"vfio-user:{self.socket},virtio=1,page=1"], "no option 'page=1'"),
            (["echo", "--on", f"vfio-user:{self.socket},virtio=2"], "no option 'virtio=2'"),
            (["rng", "--on", f"vfio-user:{self.socket},virtio=0"], "leave it out"),
            (["edu", "--on", f"vhost-user:{self.socket}"], "runs on vfio-user only"),
            (["echo", "--print-capabilities"], "has no type for echo"))
        for words, what in cases:
            done = subprocess.run([PROGRAM, "device", *words], text=True, stdin=subprocess.DEVNULL,
                                  capture_output=True, timeout=PATIENCE)
            self.assertIn(what, done.stderr)
            self.assertNotEqual(done.returncode, 0)


if __name__ == "__main__":
    unittest.main()
