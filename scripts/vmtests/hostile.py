# SPDX-License-Identifier: BSD-3-Clause
"""Devices that lie to the module, each in one word.

Each is refused when it is bound, by one line that names the word and its valid values, or does no
harm. All devices of a kind are in one VM.
"""

import json
import os
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from bellwire.core.places import BUILD
from bellwire.image import build
from bellwire.labs.processes import Process
from bellwire.plugin import Labs, Subtests
from vmtests.case import boot, finish

FIRST_SLOT = 3  # of the root bus; init binds devices in this order
LIVES = "echo KTAP version 1; echo 1..1; sleep 1; echo ok 1 the kernel lives"
# Unbinds every device that was bound, to find what only teardown finds.
UNBIND = ("cd /sys/bus/pci/drivers/bellwire; "
          "for device in 0000:*; do [ ! -e $device ] || echo $device >unbind; done")
FINE = r"^/dev/bellwire\d+: \d+ queues of \d+ entries$"
Lies = Mapping[str, str | Sequence[str]]

pytestmark = [pytest.mark.device(), pytest.mark.machine(append=["loglevel=7"])]

# What a card reads as, and the line or lines of the module about it.
CARDS = {
    "magic=0": r"MAGIC reads 0x0, not 0x4c4c4542",
    "queues=0": r"QUEUES reads 0; it must be 1 to 32",
    "queues=33": r"QUEUES reads 33; it must be 1 to 32",
    "queues=0xffffffff": r"QUEUES reads 4294967295; it must be 1 to 32",
    "memory_size=0": r"MEMORY_SIZE reads 0x0; it must be a multiple of 0x1000 up to 0x400000",
    "memory_size=0x800000": r"MEMORY_SIZE reads 0x800000; it must",
    "memory_size=0xffffffff": r"MEMORY_SIZE reads 0xffffffff; it must",
    "memory_size=0x1001": r"MEMORY_SIZE reads 0x1001; it must",
    "memory_size=0x1000": r"the card cannot use the driver's memory",  # it can't make 8 queues of it
    "status=0": r"STATUS reads 0x0 \(OFF\), not READY",
    "status=7": r"STATUS reads 0x7 \(unknown\), not READY",
    "status=0xffffffff": r"STATUS reads 0xffffffff: no process serves it",
    "bar0=256": r"BAR0 has 256 bytes of memory; it must have 4096 or more",
    "bar0=0": r"BAR0 has 0 bytes of memory; it must have 4096 or more",
    "bar0_io=256": r"BAR0 has 0 bytes of memory; it must have 4096 or more",
    "bar2=256": r"BAR2 has 256 bytes of memory; it must have 4096 or more",
    "vectors=0": r"the device has 0 vectors for 8 queues",
    "format.queues=4 raise=8": r"QUEUES reads 8, but it formatted the memory for 4",
    "format.queues=9 raise=8": r"9 queues from 0x1000 on, 0x1f000 bytes each",
    "format.queues=0xffffffff": r"format says 4294967295 queues; it must be 1 to 32",
    "format.size=0x200000": r"1048576 bytes, but its format says 2097152",
    "format.queue_offset=0xfffffffffffff000": r"queues from 0xfffffffffffff000 on",
    "format.queue_stride=0x8000000000000000": r"0x8000000000000000 bytes each",
    "format.ring_entries=3": r"says 3 ring entries; it must be a power of two from 8 to 32768",
    "format.trace_entries=3": r"says 3 records; it must be 0 or a power of two up to 65536",
    "format.reserved=1": r"reserved words 0{24}01000000, which must be zero",
}
MORE_CARDS = {
    "format.magic=0": r"no bellwire format \(magic 0x0, ",
    "format.version=4": r"another version \(.*version 4\)",
    "status=3": r"could not start \(STATUS reads FAILED\)",
    "vectors=32 raise=32": FINE,
    "vectors=1 raise=1": FINE,
    "bar2=8192": FINE,
    "stopped=1": (FINE, r"1048576 bytes of memory .* are never freed, .* reads 0x1 \(READY\)"),
    "stopped=0xffffffff": (FINE, r"1048576 bytes of memory .* reads 0xffffffff \(no answer\)"),
}


class Liar(Process):
    program = BUILD / "release/guest-kmod/liar/liar"

    def __init__(self, folder: Path, slot: int, lies: str) -> None:
        self.socket = folder / str(slot)
        super().__init__(f"a card with {lies}", folder / f"{slot}.log", str(self.socket),
                         *lies.split())


@dataclass
class Judge:
    """Boots with a device per lie, and checks what the module says of each. Calls `during` once they
    are bound."""

    labs: Labs
    subtest: Subtests

    def __call__(self, words: Sequence[str], lies: Lies,
                 during: Callable[[], object] = lambda: None) -> None:
        vm = boot(self.labs.make(qemu_args=words), LIVES, UNBIND)
        during()
        finish(vm)
        log = vm.console.read_text(errors="replace")
        for slot, (lie, answers) in enumerate(lies.items(), FIRST_SLOT):
            said = re.findall(rf"bellwire 0000:00:{slot:02x}\.0: (?!enabling device)(.*\S)", log)
            expected = [answers] if isinstance(answers, str) else answers
            with self.subtest(lie):
                assert len(said) == len(expected), said
                for line, answer in zip(said, expected):
                    assert re.search(answer, line)


@pytest.fixture
def judge(labs: Labs, subtest: Subtests) -> Judge:
    return Judge(labs, subtest)


@pytest.fixture
def liars(folder: Path) -> Iterator[Callable[[Lies], list[str]]]:
    """Starts a card for each lie, and returns QEMU's words to connect them."""
    build.programs("liar")
    with ExitStack() as open_liars:
        def start(lies: Lies) -> list[str]:
            words = []
            for slot, lie in enumerate(lies, FIRST_SLOT):
                liar = Liar(folder, slot, lie)
                open_liars.callback(liar.stop)
                liar.start()
                place = {"type": "unix", "path": str(liar.socket)}
                words += ["-device", json.dumps({"driver": "vfio-user-pci", "addr": f"{slot:#x}",
                                                 "socket": place})]
            return words

        yield start


@pytest.mark.transport("vfio-user")
def test_registers_and_formats(judge: Judge, liars: Callable[[Lies], list[str]]) -> None:
    judge(liars(CARDS), CARDS)


@pytest.mark.transport("vfio-user")
def test_vectors_and_statuses(judge: Judge, liars: Callable[[Lies], list[str]]) -> None:
    judge(liars(MORE_CARDS), MORE_CARDS)


# The memory of an ivshmem device begins with this format; the server knows its size.
FORMAT = "<QIIQQQII4I"
WORDS = ("magic", "version", "queues", "size", "queue_offset", "queue_stride", "ring_entries",
         "trace_entries", "reserved", *("",) * 3)
HONEST = {"magic": 0x455249574C4C4542, "version": 3, "queues": 2, "size": 1 << 20,
          "queue_offset": 4096, "queue_stride": 0x10000, "ring_entries": 64}
VECTORS = 4
MEMORIES = {
    "magic=0": r"no bellwire format \(magic 0x0, ",
    "version=0xffffffff": r"another version \(.*version 4294967295\)",
    "queues=0": r"says 0 queues; it must be 1 to 32",
    "queues=33": r"says 33 queues; it must be 1 to 32",
    "queues=17": r"17 queues from 0x1000 on, 0x10000 bytes each: .* 1048576 bytes",
    "size=0": r"1048576 bytes, but its format says 0",
    "size=0xffffffffffffffff": r"1048576 bytes, but its format says 18446744073709551615",
    "memory=0x1000 size=0x1000": r"from 0x1000 on",
    "queue_offset=0": r"from 0x0 on",
    "queue_offset=0x100000": r"from 0x100000 on",
    "queue_offset=0xfffffffffffff000": r"from 0xfffffffffffff000 on",
    "queue_stride=0": r"0 bytes each",
    "queue_stride=0x10040": r"0x10040 bytes each",
    "queue_stride=0xfffffffffffff000": r"0xfffffffffffff000 bytes each",
    "ring_entries=0": r"says 0 ring entries",
    "ring_entries=0x80000000": r"says 2147483648 ring entries",
    "trace_entries=0x20000": r"says 131072 records",
    "reserved=0xffffffff": r"reserved words f{8}0{24}, which must be zero",
    "queues=1": FINE,  # and four vectors
    "queues=8": (r"4 vectors for 8 queues: the other queues cannot be claimed; "
                 r"start QEMU with vectors=8", FINE),
}


class Server:
    """An ivshmem server with one guest, whose memory begins with a format that lies."""

    def __init__(self, path: Path, lie: str) -> None:
        words = {word: int(value, 0) for word, value in (part.split("=") for part in lie.split())}
        self._size = words.pop("memory", HONEST["size"])
        self._memory = os.memfd_create("lies")
        os.ftruncate(self._memory, self._size)
        said = HONEST | words
        os.pwrite(self._memory, struct.pack(FORMAT, *(said.get(word, 0) for word in WORDS)), 0)
        self._guest: socket.socket | None = None
        self._events = [os.eventfd(0)  # type: ignore[attr-defined]
                        for _ in range(VECTORS)]
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        try:
            guest, _ = self._listener.accept()
        except OSError:
            return  # closed
        self._guest = guest  # as long as it is open, so are the wires
        for value, descriptors in ((0, ()), (0, ()), (-1, (self._memory,)),
                                   *((0, (event,)) for event in self._events)):
            socket.send_fds(guest, [struct.pack("<q", value)], descriptors)

    def interrupt(self) -> None:
        """Raises every vector."""
        for event in self._events:
            os.eventfd_write(event, 1)  # type: ignore[attr-defined]

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        if self._guest:
            self._guest.close()
        for descriptor in (self._memory, *self._events):
            os.close(descriptor)


def interrupt(servers: Sequence[Server]) -> None:
    for server in servers:
        server.interrupt()


def test_formats(judge: Judge, folder: Path) -> None:
    words = []
    with ExitStack() as open_servers:
        servers = []
        for slot, lie in enumerate(MEMORIES, FIRST_SLOT):
            path = folder / str(slot)
            servers.append(open_servers.enter_context(closing(Server(path, lie))))
            words += ["-chardev", f"socket,id=lie{slot},path={path}", "-device",
                      f"ivshmem-doorbell,chardev=lie{slot},vectors={VECTORS},addr={slot:#x}"]
        judge(words, MEMORIES, during=lambda: interrupt(servers))
