# SPDX-License-Identifier: BSD-3-Clause
"""Rules 47 and 48 of docs/semantics.md: the registers of QEMU's own ivshmem-doorbell device, on a
switchboard. QEMU's CPU never starts: this test is the guest, by QEMU's own qtest protocol."""

import array
import os
import secrets
import select
import socket
import struct
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bellwire.labs.processes import Switchboard

VECTORS = 4
SLOT = 2  # of the device on the PCI bus
BAR0 = 0xE000_0000
INTRMASK, INTRSTATUS, IVPOSITION, DOORBELL, SIZE = 0, 4, 8, 12, 256
GUEST, DEVICE = 0, 1  # ivshmem IDs of the switchboard's first slot
PATIENCE = 20  # seconds


class DevicePeer:
    """The device's end of the switchboard's first slot: the doorbells that QEMU rings."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(f"\0bellwire-device/0/{secrets.token_hex(8)}")
        self.socket.settimeout(PATIENCE)
        self.socket.connect(str(path))
        self.doorbells: list[int] = []
        self.others: list[int] = []
        while len(self.doorbells) < VECTORS:
            self._take()

    def _take(self) -> None:
        data, fds, _, _ = socket.recv_fds(self.socket, 8, 1)
        (value,) = struct.unpack("<q", data)
        (self.doorbells if value == DEVICE and fds else self.others).extend(fds)

    def rung(self, limit: float = 0) -> dict[int, int]:
        """How often each doorbell was rung since the last call; waits up to the limit for the first."""
        select.select(self.doorbells, [], [], limit)
        ready, _, _ = select.select(self.doorbells, [], [], 0)
        return {self.doorbells.index(fd): array.array("Q", os.read(fd, 8))[0] for fd in ready}

    def close(self) -> None:
        for fd in (*self.doorbells, *self.others):
            os.close(fd)
        self.socket.close()


class Qemu:
    """A QEMU whose CPU never starts; the test drives it by qtest's protocol."""

    def __init__(self, path: Path, ioeventfd: str) -> None:
        self.process = subprocess.Popen(
            ["qemu-system-x86_64", "-M", "q35", "-accel", "tcg", "-S", "-qtest", "stdio",
             "-nodefaults", "-display", "none", "-chardev", f"socket,id=wires,path={path}", "-device",
             f"ivshmem-doorbell,chardev=wires,vectors={VECTORS},ioeventfd={ioeventfd},"
             f"addr={SLOT}"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def ask(self, line: str) -> int:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().split()
        assert answer[:1] == ["OK"], f"{line}: {answer}"
        return int(answer[1], 0) if len(answer) > 1 else 0

    def configuration(self, register: int) -> int:
        self.ask(f"outl 0xcf8 {0x8000_0000 | SLOT << 11 | register:#x}")
        return self.ask("inl 0xcfc")

    def configure(self, register: int, value: int) -> None:
        self.ask(f"outl 0xcf8 {0x8000_0000 | SLOT << 11 | register:#x}")
        self.ask(f"outl 0xcfc {value:#x}")

    def read(self, register: int) -> int:
        return self.ask(f"readl {BAR0 + register:#x}")

    def write(self, register: int, value: int) -> None:
        self.ask(f"writel {BAR0 + register:#x} {value:#x}")

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture(params=["on", "off"])
def ioeventfd(request: pytest.FixtureRequest) -> str:
    """off: QEMU itself handles the writes."""
    return str(request.param)


@pytest.fixture
def peer(folder: Path) -> Iterator[DevicePeer]:
    switchboard = Switchboard(folder, folder / "socket", 1, VECTORS)
    switchboard.start()
    try:
        with closing(DevicePeer(folder / "socket")) as peer:
            yield peer
    finally:
        switchboard.stop()


@pytest.fixture
def qemu(folder: Path, peer: DevicePeer, ioeventfd: str) -> Iterator[Qemu]:
    with closing(Qemu(folder / "socket", ioeventfd)) as qemu:
        qemu.configure(0x10, BAR0)
        qemu.configure(0x04, 0x6)  # memory, bus master
        yield qemu


def test_rule_48_what_it_is_and_where_its_registers_are(qemu: Qemu) -> None:
    assert qemu.configuration(0x00) == 0x1110_1AF4
    assert qemu.configuration(0x08) & 0xFF == 1
    qemu.configure(0x10, 0xFFFF_FFFF)
    assert qemu.configuration(0x10) & ~0xF == -SIZE & 0xFFFF_FFFF
    qemu.configure(0x10, BAR0)
    assert qemu.read(IVPOSITION) == GUEST
    qemu.write(INTRMASK, 0x5A)
    assert qemu.read(INTRMASK) == 0x5A
    qemu.write(INTRSTATUS, 1)
    assert [qemu.read(INTRSTATUS) for _ in range(2)] == [1, 0]


def test_rule_48_the_doorbell_is_peer_and_vector(qemu: Qemu, peer: DevicePeer) -> None:
    for vector in range(VECTORS):
        qemu.write(DOORBELL, DEVICE << 16 | vector)
        assert peer.rung(PATIENCE) == {vector: 1}


def test_rule_47_a_doorbell_that_names_nobody_does_nothing(qemu: Qemu, peer: DevicePeer) -> None:
    for value in (DEVICE << 16 | VECTORS, DEVICE << 16 | 0xFF, 7 << 16, 0xFFFF << 16 | 0xFF):
        qemu.write(DOORBELL, value)
    assert peer.rung() == {}
    qemu.write(DOORBELL, DEVICE << 16)
    assert peer.rung(PATIENCE) == {0: 1}


@pytest.mark.parametrize("ioeventfd", ["off"])
def test_rule_47_a_kick_that_nobody_meant(qemu: Qemu, peer: DevicePeer) -> None:
    """Without ioeventfd, QEMU uses 8 bits of the vector: 256 is 0."""
    qemu.write(DOORBELL, DEVICE << 16 | 256)
    assert peer.rung(PATIENCE) == {0: 1}
