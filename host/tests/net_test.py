# SPDX-License-Identifier: BSD-3-Clause
"""`bellwire device net`: the ports of a switch, each with a front-end of its own, and a tap."""

import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from net_peer import EVERYBODY, Card, frame, station
from program import PROGRAM, SLOWER, Checked, pipe

PATIENCE = 20 * SLOWER
FAILED = (1, 2)  # 2: what was typed is wrong
TESTPMD = shutil.which("dpdk-testpmd")


def own_network() -> str:
    """Why no command can have a network of its own with a tap in it, or ""."""
    tried = subprocess.run(["unshare", "-n", "ip", "tuntap", "add", "tap0", "mode", "tap"],
                           text=True, capture_output=True)
    return tried.stderr.strip() if tried.returncode else ""


class NetTest(Checked):
    def setUp(self) -> None:
        super().setUp()
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))

    def place(self, port: int) -> Path:
        return self.folder / f"port{port}"

    def arguments(self, ports: int, *options: str) -> list[str]:
        places = [f"--on=vhost-user:{self.place(port)}" for port in range(ports)]
        return [str(PROGRAM), "--log-level=info", "device", "net", *places, *options]

    def start(self, ports: int, *options: str, before: tuple[str, ...] = (),
              fds: tuple[int, ...] = (), said: int | None = None) -> subprocess.Popen[str]:
        """Returns once all ports are served, or the first ones that are said to be."""
        process = subprocess.Popen([*before, *self.arguments(ports, *options)], text=True,
                                   stderr=subprocess.PIPE, pass_fds=fds)
        self.addCleanup(process.wait, PATIENCE)
        self.addCleanup(process.kill)
        self.addCleanup(pipe(process.stderr).close)
        for _ in range(ports if said is None else said):
            self.until(process, "is served on")
        return process

    def until(self, process: subprocess.Popen[str], words: str) -> str:
        """The next line with those words."""
        for line in pipe(process.stderr):
            if words in line:
                return line
        self.fail(f"it ended with status {process.wait(PATIENCE)} and never said '{words}'")

    def card(self, port: int, where: socket.socket | None = None) -> Card:
        card = Card(where or self.place(port), PATIENCE)
        self.addCleanup(card.close)
        return card

    def refused(self, ports: int, *options: str) -> str:
        """What it says."""
        done = subprocess.run(self.arguments(ports, *options), text=True, capture_output=True,
                              stdin=subprocess.DEVNULL, timeout=PATIENCE)
        self.assertIn(done.returncode, FAILED, done.stderr)
        return done.stderr

    def exchange(self, one: Card, other: Card, count: int = 50) -> None:
        """Frames between the two, to and fro; each may get frames for all meanwhile."""
        for number in range(count):
            for source, target in ((one, other), (other, one)):
                sent = frame(target.address, source.address, 60 + 13 * number)
                source.send(sent)
                target.receive_where(sent.__eq__)


class Ports(NetTest):
    def test_frames_go_between_ports(self) -> None:
        process = self.start(3)
        cards = [self.card(port) for port in range(3)]
        for card in cards:  # each says where it is
            sent = frame(EVERYBODY, card.address)
            card.send(sent)
            for other in cards:
                if other is not card:
                    self.assertEqual(other.receive(), sent)
        self.exchange(cards[0], cards[1])
        self.assertFalse(cards[2].has_frame())  # they were not for it
        process.terminate()
        self.assertEqual(process.wait(PATIENCE), 0)
        self.assertFalse(any(self.place(port).exists() for port in range(3)))

    def test_a_port_without_room_blocks_no_other(self) -> None:
        process = self.start(3)
        full, one, other = (self.card(port) for port in range(3))
        room = full.size
        for _ in range(room + 5):
            one.send(frame(EVERYBODY, one.address))
            other.receive()
        process.send_signal(signal.SIGUSR1)
        said = self.until(process, "port 0:")
        self.assertIn(f" {room} were delivered to it, 5 dropped for want of room", said)
        self.exchange(one, other)

    def test_a_front_end_that_is_killed_disturbs_no_other(self) -> None:
        process = self.start(3)
        one, other = self.card(0), self.card(1)
        for _ in range(5):
            victim = self.card(2)
            victim.send(frame(EVERYBODY, victim.address))
            self.assertEqual(one.receive_of(victim.address), other.receive_of(victim.address))
            victim.hang_up()
            one.send(frame(victim.address, one.address))
            self.exchange(one, other, 5)
        self.assertIsNone(process.poll())

    def test_hostile_frames_go_nowhere_and_are_counted(self) -> None:
        process = self.start(2)
        hostile, other = self.card(0), self.card(1)
        good = frame(EVERYBODY, hostile.address)
        hostile.send_bytes(b"")
        hostile.send_bytes(bytes(11))
        hostile.send_bytes(bytes([1]) + bytes(11) + good)  # NEEDS_CSUM
        hostile.send_bytes(bytes([0, 1]) + bytes(10) + good)  # GSO_TCPV4
        hostile.send(good[:13])
        hostile.send(good + bytes(1600))
        hostile.send(frame(EVERYBODY, EVERYBODY))
        hostile.send(good)
        self.assertEqual(other.receive(), good)
        process.send_signal(signal.SIGUSR1)
        said = self.until(process, "port 0:")
        self.assertIn("1 frames came from it", said)
        self.assertIn("refused: 1 runts, 1 too long, 1 of bad addresses, 2 without a header, "
                      "2 for offloads", said)
        self.exchange(hostile, other)

    def test_descriptors_are_ports_and_the_last_one_ends_it(self) -> None:
        pairs = [socket.socketpair(socket.AF_UNIX) for _ in range(2)]
        fds = tuple(far.fileno() for _, far in pairs)
        arguments = [f"--on=vhost-user:fd={fd}" for fd in fds]
        process = subprocess.Popen([PROGRAM, "device", "net", *arguments], pass_fds=fds)
        self.addCleanup(process.wait, PATIENCE)
        self.addCleanup(process.kill)
        for _, far in pairs:
            far.close()
        one, other = (self.card(0, near) for near, _ in pairs)
        self.exchange(one, other, 5)
        one.hang_up()
        other.send(frame(EVERYBODY, other.address))  # it goes on
        self.assertIsNone(process.poll())
        other.hang_up()
        self.assertEqual(process.wait(PATIENCE), 0)

    def test_what_is_wrong_is_named(self) -> None:
        self.assertIn("--on is required", self.refused(0))
        self.assertIn("--on is given 65 times: net runs at 64 places at most", self.refused(65))
        self.assertIn("--mac 'ff:ff:ff:ff:ff:ff': give the address of one station",
                      self.refused(1, "--mac", "ff:ff:ff:ff:ff:ff"))
        self.assertIn("--mac '': give the address", self.refused(1, "--mac", ""))
        self.assertIn("card 2 would have the address ff:00:00:00:00:00",
                      self.refused(2, "--mac", "fe:ff:ff:ff:ff:ff"))
        self.assertIn("--mtu", self.refused(1, "--mtu", "67"))
        self.assertIn("--queues: net has no such option", self.refused(1, "--queues", "2"))
        self.assertIn("can't be the name of a tap", self.refused(1, "--tap", "much-too-long-a-name"))
        self.assertIn("is already served", self.refused(1, f"--on=vhost-user:{self.place(0)}"))
        once = subprocess.run([PROGRAM, "device", "rng", "--on=vhost-user:a", "--on=vhost-user:b"],
                              text=True, capture_output=True, timeout=PATIENCE)
        self.assertIn("--on is given 2 times: rng runs at one place at most", once.stderr)


class Tap(NetTest):
    def setUp(self) -> None:
        super().setUp()
        if trouble := own_network():
            self.skipTest(f"no network of its own with a tap: {trouble}")

    def refused_tap(self, name: str, *before: str) -> str:
        """What it says of the tap, in a network of its own."""
        done = subprocess.run(["unshare", "-n", *before, *self.arguments(1, f"--tap={name}")],
                              text=True, capture_output=True, timeout=PATIENCE)
        self.assertIn(done.returncode, FAILED, done.stderr)
        return done.stderr

    def test_a_name_that_is_taken_is_refused(self) -> None:
        self.assertIn("'lo' is an interface that is no tap: choose another name",
                      self.refused_tap("lo"))

    def test_what_is_not_allowed_is_said_with_the_remedy(self) -> None:
        self.assertIn("ip tuntap add tap7 mode tap user $USER", self.refused_tap(
            "tap7", "setpriv", "--bounding-set=-all", "--inh-caps=-all"))

    def test_this_machine_is_a_station(self) -> None:
        process = self.start(1, "--tap=tap7", before=("unshare", "-n"))
        card = self.card(0)
        inside = ("nsenter", "--net", f"--target={process.pid}")
        subprocess.run([*inside, "ip", "addr", "add", "10.9.0.1/24", "dev", "tap7"], check=True)
        subprocess.run([*inside, "ip", "link", "set", "tap7", "up"], check=True)
        # ARP: who has 10.9.0.1? Tell 10.9.0.2.
        ask = struct.pack("!HHBBH6s4s6s4s", 1, 0x0800, 6, 4, 1, card.address, bytes([10, 9, 0, 2]),
                          bytes(6), bytes([10, 9, 0, 1]))
        card.send(EVERYBODY + card.address + b"\x08\x06" + ask)
        answer = card.receive_where(lambda got: got[:6] == card.address and got[12:14] == b"\x08\x06")
        self.assertEqual(answer[28:32], bytes([10, 9, 0, 1]))
        subprocess.run([*inside, "ip", "link", "del", "tap7"], check=True)
        self.assertIn("the tap 'tap7' is gone", self.until(process, "tap7"))
        card.send(frame(EVERYBODY, card.address))
        process.terminate()
        self.assertEqual(process.wait(PATIENCE), 0)


@unittest.skipUnless(TESTPMD, "no dpdk-testpmd: install Debian's package dpdk-dev")
class Dpdk(NetTest):
    """DPDK's own front-end of vhost-user, virtio_user, and what it comes with."""

    address = station(0xDD)

    def forwarder(self, port: int) -> subprocess.Popen[str]:
        """A testpmd that will send back what it gets, with the addresses swapped."""
        assert TESTPMD
        device = f"net_virtio_user0,path={self.place(port)},mac={self.address.hex(':')}"
        process = subprocess.Popen(
            [TESTPMD, "--no-pci", "--no-huge", "-m=64", "--no-shconf", "--no-telemetry",
             f"--vdev={device}", "--", "--interactive", "--auto-start", "--forward-mode=macswap",
             "--total-num-mbufs=2048", "--no-lsc-interrupt"],
            text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.addCleanup(process.wait, PATIENCE)
        self.addCleanup(process.kill)
        self.addCleanup(pipe(process.stdin).close)
        self.addCleanup(pipe(process.stdout).close)
        return process

    def forwarded(self, card: Card, size: int) -> bool:
        sent = frame(self.address, card.address, size)
        card.send(sent)
        try:
            card.receive_where((card.address + self.address + sent[12:]).__eq__)
        except TimeoutError:
            return False
        return True

    def test_testpmd_forwards_frames(self) -> None:
        process = self.start(2)
        card = self.card(0)
        forwarder = self.forwarder(1)
        card.patience = 0.2  # until it has begun
        end = time.monotonic() + PATIENCE
        while not self.forwarded(card, 60):
            if forwarder.poll() is not None or time.monotonic() > end:
                forwarder.kill()
                self.fail(pipe(forwarder.stdout).read())
        card.patience = PATIENCE
        for number in range(200):
            self.assertTrue(self.forwarded(card, 61 + 7 * number))
        said, _ = forwarder.communicate("quit\n", PATIENCE)
        for direction in "RX", "TX":
            counted = re.search(rf"{direction}-packets: (\d+)", said)
            assert counted, said
            self.assertGreater(int(counted[1]), 200)
        self.assertIsNone(process.poll())


if __name__ == "__main__":
    unittest.main()
