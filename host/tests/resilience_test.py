# SPDX-License-Identifier: BSD-3-Clause
"""The program when something is short, full, taken away or broken: it goes on, and says why."""

import mmap
import os
import resource
import signal
import socket
import struct
import subprocess
import threading
import time
import unittest
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from foreign_server import SIZE, VECTORS, ForeignServer
from program import PROGRAM, pause, pipe
from programs_test import FAILED, PATIENCE, ProgramCase, served

MAGIC_OFFSET = 0
NOBODY: dict[str, Any] = {"user": 65534, "group": 65534, "extra_groups": []}
VERSION = struct.pack("<HH", 0, 0) + b'{"capabilities":{"max_msg_fds":16}}\0'


class ResilienceCase(ProgramCase):
    def log_of(self, process: subprocess.Popen[str]) -> str:
        """All that it has said; it is ended for that."""
        process.terminate()
        return process.communicate(timeout=PATIENCE)[1]

    def foreign_server(self, **options: Any) -> ForeignServer:
        server = ForeignServer(self.socket, **options)
        self.addCleanup(server.close)
        return server

    def foreign_device(self, server: ForeignServer) -> subprocess.Popen[str]:
        """One that has said, in its log, that it runs."""
        device = self.start("--log-level", "info", "device", "echo", "--on",
                            f"ivshmem:{self.socket},vectors={len(server.events)}")
        server.greet()
        self.assertIn("echo runs on", pipe(device.stderr).readline())
        return device

    def magic_of(self, memory: int) -> int:
        return int(struct.unpack("<Q", os.pread(memory, 8, MAGIC_OFFSET))[0])

    def guest_memory(self) -> tuple[socket.socket, int]:
        """What a guest gets of the switchboard: the connection that holds its place, and memory."""
        peer = socket.socket(socket.AF_UNIX)
        self.addCleanup(peer.close)
        peer.settimeout(PATIENCE)
        peer.connect(str(self.socket))
        for _ in range(3):
            _, fds, *_ = socket.recv_fds(peer, 8, 1)
        self.addCleanup(os.close, fds[0])
        return peer, fds[0]

    def client(self) -> socket.socket:
        peer = socket.socket(socket.AF_UNIX)
        self.addCleanup(peer.close)
        peer.settimeout(PATIENCE)
        peer.connect(str(self.socket))
        return peer

    def answered(self, peer: socket.socket) -> bool:
        """Whether a vfio-user server agrees on a version."""
        peer.sendall(struct.pack("<HHIII", 1, 1, 16 + len(VERSION), 0, 0) + VERSION)
        return len(receive(peer, 16)) == 16


def receive(peer: socket.socket, size: int) -> bytes:
    """That many bytes, or fewer if the other side hangs up. A socket with a timeout doesn't wait for
    all by itself."""
    data = b""
    while len(data) < size and (part := peer.recv(size - len(data))):
        data += part
    return data


class Shortage(ResilienceCase):
    """One moment's lack of descriptors makes nobody deaf."""

    def without_descriptors(self, process: subprocess.Popen[str],
                            meanwhile: Callable[[], object]) -> None:
        before = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (3, before[1]))
        meanwhile()
        time.sleep(0.3)  # long enough for it to meet the shortage; nothing here depends on it
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, before)

    def await_server(self) -> None:
        """Until a vfio-user server answers: what it needs to start it has by then."""
        self.until(lambda: served(self.socket))
        peer = self.client()
        peer.settimeout(PATIENCE)
        self.assertTrue(self.answered(peer))
        peer.close()

    def test_the_control_socket_answers_again(self) -> None:
        control = self.folder / "control"
        device = self.start("device", "echo", "--on", f"vfio-user:{self.socket}", "--control",
                            control)
        self.until(lambda: served(control))
        self.await_server()
        peers = []

        def knock() -> None:
            for _ in range(5):
                peers.append(self.enterContext(socket.socket(socket.AF_UNIX)))
                peers[-1].connect(str(control))

        self.without_descriptors(device, knock)
        for peer in peers:
            peer.settimeout(PATIENCE)
            peer.sendall(b'{"do":"status"}\n')
            self.assertTrue(peer.recv(1))
        log = self.log_of(device)
        self.assertEqual(log.count("it is tried again until it works"), 1, log)
        self.assertIn("Too many open files", log)

    def test_a_vfio_user_client_that_came_then_is_served(self) -> None:
        device = self.start("device", "edu", "--on", f"vfio-user:{self.socket}")
        self.await_server()
        peers = []
        self.without_descriptors(device, lambda: peers.append(self.client()))
        self.assertTrue(self.answered(peers[0]))

    def test_a_guest_that_came_then_gets_its_wires(self) -> None:
        switchboard = self.switchboard()
        first = self.client()
        first.settimeout(PATIENCE)
        self.assertEqual(len(receive(first, 8)), 8)  # what it needs to start it has by now
        first.close()
        peers = []
        self.without_descriptors(switchboard, lambda: peers.append(self.client()))
        peers[0].settimeout(PATIENCE)
        self.assertEqual(peers[0].recv(8), bytes(8))

    def test_a_foreign_servers_guest_that_came_then_is_heard_of(self) -> None:
        server = self.foreign_server()
        device = self.foreign_device(server)
        self.without_descriptors(device, server.introduce_guest)
        fds = f"/proc/{device.pid}/fd"

        def same_event(event: int) -> bool:
            return eventfd_id(f"/proc/self/fdinfo/{event}") in {
                eventfd_id(f"/proc/{device.pid}/fdinfo/{fd}") for fd in os.listdir(fds)}

        if eventfd_id(f"/proc/self/fdinfo/{server.guest_events[0]}") is None:
            self.skipTest("this kernel does not tell eventfds apart")
        for event in server.guest_events:
            self.until(partial(same_event, event))

    @unittest.skipIf(os.geteuid() != 0, "only root can become somebody with fewer rights")
    def test_too_many_descriptors_in_flight_are_named_and_passed(self) -> None:
        os.chmod(self.folder, 0o777)
        ours, theirs = socket.socketpair(socket.AF_UNIX)
        self.addCleanup(ours.close)
        self.addCleanup(theirs.close)
        holder = subprocess.Popen(
            ["/usr/bin/python3", "-c", HOLD, str(ours.fileno())], pass_fds=[ours.fileno()],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **NOBODY)
        self.addCleanup(holder.communicate)
        self.addCleanup(holder.kill)
        switchboard = subprocess.Popen([PROGRAM, "switchboard", "--socket", self.socket],
                                       stderr=subprocess.PIPE, text=True,
                                       preexec_fn=few_descriptors, **NOBODY)
        self.addCleanup(switchboard.communicate)
        self.addCleanup(switchboard.kill)
        self.until(lambda: served(self.socket))
        self.assertEqual(pipe(holder.stdout).readline(), "held\n")
        peer = self.client()
        self.assertEqual(len(receive(peer, 16)), 16)
        self.assertIn("of this user's are in flight", pipe(switchboard.stderr).readline())
        holder.kill()
        holder.wait()
        for end in (ours, theirs):
            end.close()
        self.assertEqual(len(receive(peer, 8)), 8)


# Keeps descriptors in flight, in a socket that nobody reads, until it ends.
HOLD = """
import os, resource, socket, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024))
wire = socket.socket(fileno=int(sys.argv[1]))
wire.setblocking(False)
for _ in range(4):
    socket.send_fds(wire, [b"x"], [0] * 253)
print("held", flush=True)
sys.stdin.read()
"""


def few_descriptors() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))


def eventfd_id(fdinfo: str) -> str | None:
    try:
        with open(fdinfo, encoding="ascii") as file:
            return next((line for line in file if line.startswith("eventfd-id")), None)
    except OSError:
        return None


class Storm(ResilienceCase):
    def test_a_server_with_a_full_queue_is_waited_for(self) -> None:
        server = self.foreign_server(backlog=0)
        queue = []
        while True:
            peer = self.enterContext(socket.socket(socket.AF_UNIX))
            peer.setblocking(False)
            try:
                peer.connect(str(self.socket))
            except BlockingIOError:
                break
            queue.append(peer)
        device = self.start("device", "echo", "--on", f"ivshmem:{self.socket},vectors=2")
        self.assertIn("waiting up to", pipe(device.stderr).readline())
        for peer in queue:
            server.listener.accept()[0].close()
        server.greet()
        self.until(lambda: self.magic_of(server.memory) != 0)
        self.assertIsNone(device.poll())

    def test_devices_that_start_while_strangers_knock_are_all_served(self) -> None:
        self.switchboard("--slots", "16", "--vectors", "2")
        over = threading.Event()

        def knock() -> None:
            while not over.is_set():
                with socket.socket(socket.AF_UNIX) as peer:
                    peer.connect(str(self.socket))

        strangers = [threading.Thread(target=knock) for _ in range(4)]
        for stranger in strangers:
            stranger.start()
        try:
            devices = [self.start("--log-level", "info", "device", "echo", "--on",
                                  f"ivshmem:{self.socket},slot={slot}") for slot in range(16)]
            for device in devices:
                said = pipe(device.stderr).readline()
                while said and "echo runs on" not in said:
                    said = pipe(device.stderr).readline()
                self.assertIn("echo runs on", said)
        finally:
            over.set()
            for stranger in strangers:
                stranger.join()

    def test_two_containers_that_share_a_network_have_a_device_each(self) -> None:
        """Both devices are the first process, and wish for the first slot."""
        container = ("unshare", "--pid", "--fork", "--kill-child")
        tried = subprocess.run([*container, "true"], text=True, capture_output=True)
        if tried.returncode:
            self.skipTest(f"no namespace of processes: {tried.stderr.strip()}")
        for name in ("one", "other"):
            server = ForeignServer(self.folder / name)
            self.addCleanup(server.close)
            server.listener.settimeout(PATIENCE)
            device = subprocess.Popen(
                [*container, PROGRAM, "device", "echo", "--on",
                 f"ivshmem:{self.folder / name},vectors={VECTORS}"], stderr=subprocess.DEVNULL)
            self.addCleanup(device.wait)
            self.addCleanup(device.kill)
            server.greet()
            self.until(partial(self.magic_of, server.memory))

    def test_a_server_that_comes_late_is_waited_for_if_asked(self) -> None:
        device = self.start("--log-level", "info", "device", "echo", "--on",
                            f"ivshmem:{self.socket},wait=60")
        self.assertIn("nobody serves", pipe(device.stderr).readline())
        self.switchboard()
        self.assertIn("echo runs on", pipe(device.stderr).readline())


class Silent(ResilienceCase):
    def test_a_peer_that_does_not_read_is_sent_no_descriptor(self) -> None:
        self.switchboard()
        silent = self.client()
        self.device()  # it came later and has all its wires: so the silent one had its turn
        peek = socket.MSG_PEEK | socket.MSG_DONTWAIT
        waiting, fds, *_ = socket.recv_fds(silent, 4096, 64, peek)
        for fd in fds:
            os.close(fd)
        self.assertEqual((waiting, fds), (bytes(16), []))


class Logs(ResilienceCase):
    def full_pipe(self) -> int:
        """A pipe, filled to the brim, that blocks whoever writes to it."""
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        self.addCleanup(os.close, writing)
        os.set_blocking(writing, False)
        try:
            while True:
                os.write(writing, bytes(4096))
        except BlockingIOError:
            os.set_blocking(writing, True)
        return writing

    def start_unread(self, *arguments: str | Path) -> subprocess.Popen[str]:
        process = subprocess.Popen([PROGRAM, "--log-level", "info", *arguments],
                                   stdin=subprocess.DEVNULL, stderr=self.full_pipe(), text=True)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.until(lambda: served(self.socket))
        return process

    def test_a_switchboard_whose_log_nobody_reads_goes_on(self) -> None:
        switchboard = self.start_unread("switchboard", "--socket", self.socket)
        for _ in range(2000):
            with self.client() as peer:
                peer.send(b"rude")
        self.until(lambda: self.client().recv(8) == bytes(8))
        switchboard.terminate()
        self.assertEqual(switchboard.wait(PATIENCE), 0)

    def test_a_device_whose_log_nobody_reads_goes_on(self) -> None:
        device = self.start_unread("device", "edu", "--on", f"vfio-user:{self.socket}")
        for _ in range(300):
            with self.client() as peer:
                self.assertTrue(self.answered(peer))
                peer.sendall(struct.pack("<HHIII", 1, 999, 16, 0, 0))
                peer.recv(16)
        device.terminate()
        self.assertEqual(device.wait(PATIENCE), 0)

    def test_a_failure_that_nobody_reads_is_one(self) -> None:
        process = subprocess.Popen([PROGRAM, "device", "echo", "--on", f"ivshmem:{self.socket}"],
                                   stdin=subprocess.DEVNULL, stderr=self.full_pipe(), text=True)
        self.addCleanup(process.kill)
        self.assertEqual(process.wait(PATIENCE), FAILED)

    def test_reconnecting_does_not_flood_the_log(self) -> None:
        switchboard = self.start("--log-level", "info", "switchboard", "--socket", self.socket)
        self.until(lambda: served(self.socket))
        began = time.monotonic()
        for _ in range(3000):
            self.client().close()
        log = self.log_of(switchboard)
        seconds = time.monotonic() - began + 2
        for cause in ("connected", "disconnected", "turned away"):
            lines = [line for line in log.splitlines() if line.endswith(f" {cause}")]
            self.assertLessEqual(len(lines), 10 * seconds, cause)
        self.assertRegex(log, r"… and \d+ more of these in \d+ s: guest of slot 0 connected")

    def test_a_peer_dropped_for_cause_is_a_warning_with_its_reason(self) -> None:
        switchboard = self.switchboard()
        with self.client() as rude:
            rude.send(b"x")
            while rude.recv(4096):
                pass
        self.assertIn("warning: guest of slot 0 was dropped: it sent data",
                      self.log_of(switchboard))

    def test_a_client_whose_stream_makes_no_sense_is_a_warning(self) -> None:
        device = self.start("device", "edu", "--on", f"vfio-user:{self.socket}")
        self.until(lambda: served(self.socket))
        with self.client() as rude:
            rude.sendall(bytes(16))
            self.assertEqual(rude.recv(1), b"")
        self.assertRegex(self.log_of(device), r"warning: \S+: the client was dropped: .*0 bytes")

    def test_names_that_would_steer_a_terminal_are_shown(self) -> None:
        for name in ("a\x1b[2Jb", "line\nbellwire: forged", "\udcff\udcfe"):
            with self.subTest(repr(name)):
                run = self.run_program("device", "echo", "--on", f"ivshmem:{self.folder}/{name}")
                self.assert_refused(FAILED, ["is a switchboard running at", "\\"], run)
                self.assertTrue(run.stderr.rstrip("\n").isprintable())


class PausedServer(ResilienceCase):
    def paused(self, *options: str) -> subprocess.Popen[str]:
        """A device that waits for a switchboard that is paused."""
        device = self.start("--log-level", "info", "device", "echo", "--on",
                            f"ivshmem:{self.socket}" + "".join(options))
        self.assertIn("accepts, but does not answer; is it paused?", pipe(device.stderr).readline())
        return device

    def test_it_is_waited_for(self) -> None:
        switchboard = self.switchboard()
        pause(switchboard)
        device = self.paused(",wait=60")
        switchboard.send_signal(signal.SIGCONT)
        self.assertIn("echo runs on", pipe(device.stderr).readline())

    def test_a_signal_ends_the_wait(self) -> None:
        pause(self.switchboard())
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(number.name):
                device = self.paused(",wait=3600")
                device.send_signal(number)
                self.assertEqual(device.wait(PATIENCE), 0)

    def test_a_signal_ends_the_wait_for_somebody_to_serve(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with self.subTest(number.name):
                device = self.start("device", "echo", "--on", f"ivshmem:{self.socket},wait=3600")
                self.assertIn("nobody serves", pipe(device.stderr).readline())
                device.send_signal(number)
                self.assertEqual(device.wait(PATIENCE), 0)


class LostMemory(ResilienceCase):
    def test_a_server_that_takes_memory_away_is_named(self) -> None:
        server = self.foreign_server()
        device = self.foreign_device(server)
        os.ftruncate(server.memory, 4096)
        os.eventfd_write(server.events[0], 1)  # type: ignore[attr-defined]
        _, said = device.communicate(timeout=PATIENCE)
        self.assertEqual(device.returncode, FAILED)
        for words in (str(self.socket), "taken away", f"4096 of {SIZE} bytes"):
            self.assertIn(words, said)

    def test_memory_that_is_gone_before_the_device_starts_is_refused(self) -> None:
        server = self.foreign_server()
        os.ftruncate(server.memory, 16)
        device = self.start("device", "echo", "--on", f"ivshmem:{self.socket},vectors=2")
        with suppress(BrokenPipeError):  # the device may leave as soon as it has the memory
            server.greet()
        _, said = device.communicate(timeout=PATIENCE)
        self.assertEqual(device.returncode, FAILED)
        self.assertIn("16 bytes", said)

    def test_memory_that_is_too_small_is_the_servers_fault(self) -> None:
        server = self.foreign_server()
        os.ftruncate(server.memory, 8192)
        device = self.start("device", "echo", "--on", f"ivshmem:{self.socket},vectors=2")
        server.greet()
        _, said = device.communicate(timeout=PATIENCE)
        self.assertEqual(device.returncode, FAILED)
        self.assertIn("8192 bytes of memory are too little for 2 queues", said)


class BrokenFormat(ResilienceCase):
    def break_format(self, memory: int) -> None:
        with mmap.mmap(memory, 4096) as header:
            header[:8] = b"nonsense"

    def test_one_slot_is_refused_alone_and_formatted_anew(self) -> None:
        switchboard = self.switchboard("--slots", "2")
        _, memory = self.guest_memory()
        self.break_format(memory)
        refused = self.run_program("device", "echo", "--on", f"ivshmem:{self.socket},slot=0")
        self.assert_refused(
            FAILED, [str(self.socket), "slot 0", "format=1", "other slots continue"], refused)
        self.device(",slot=1")
        device = self.start("--log-level", "info", "device", "echo", "--on",
                            f"ivshmem:{self.socket},slot=0,format=1")
        self.assertIn("formatted anew", pipe(device.stderr).readline())
        self.assertIn("echo runs on", pipe(device.stderr).readline())
        with mmap.mmap(memory, 4096) as header:
            self.assertNotEqual(header[:8], b"nonsense")
            self.assertEqual(struct.unpack_from("<I", header, 12)[0], 8)  # queues
        self.assertIsNone(switchboard.poll())

    def test_a_format_that_is_whole_is_kept(self) -> None:
        self.switchboard()
        _, memory = self.guest_memory()
        with mmap.mmap(memory, 8192) as header:
            header[4096 + 8:4096 + 12] = b"kept"
            device = self.device(",format=1")
            self.assertEqual(header[4096 + 8:4096 + 12], b"kept")
        self.assertIsNone(device.poll())


if __name__ == "__main__":
    unittest.main()
