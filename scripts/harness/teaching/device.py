# SPDX-License-Identifier: BSD-3-Clause
"""A student's device in C++: built against bellwire's library, and run in the sandbox on the wires of a
VM, where the grader's process is its driver.

    def build(folder: Path, work: Path) -> Served:
        return device.build(folder, ["mine.cpp", "mine.h"], work)

    @grader.task(1)
    def adds(served: Served) -> None:
        "the device adds"
        with served.running() as hands:
            queue = Queue.claim(hands, "mine")
            expect(queue.ask(ADD, data).result, 42, "the result")
"""

import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bellwire.core import children, messages
from bellwire.core.children import describe
from bellwire.core.places import write
from bellwire.image import build as programs
from bellwire.labs.lab import Lab
from bellwire.report.logs import last_line
from bellwire.teaching import code, hands as in_guest
from bellwire.teaching.grader import NotBuilt, Wrong, words
from bellwire.teaching.guest import Booted, Machine
from bellwire.teaching.hands import Hands
from bellwire.teaching.sandbox import Confined

BUILD_LIMIT = 300.0  # seconds
MEMORY = 4 << 30  # bytes of address space of each process of the build
WRITTEN = 256 << 20  # bytes of a file
SHOWN = 120  # letters of what a device said last
_PROJECT = """cmake_minimum_required(VERSION 3.25)
project(graded LANGUAGES C CXX)
find_package(bellwire REQUIRED)
bellwire_add_device(device {sources})
bellwire_add_guest_program(hands {hands})
target_compile_definitions(hands PRIVATE QUEUES _GNU_SOURCE)
"""


def build(folder: Path, sources: Sequence[str], work: Path) -> "Served":
    """Of the student's folder only these are read. NotBuilt says why there is no device."""
    place, log = work / "device", work / "device.log"
    place.mkdir()
    for source in sources:
        code.copy_source(folder / source, place / source)
    cpp = " ".join(source for source in sources if source.endswith(".cpp"))
    write(place / "CMakeLists.txt", _PROJECT.format(sources=cpp, hands=in_guest.SOURCE))
    library = programs.folder_of_library()
    _run(log, place, "cmake", "-S", place, "-B", place / "built", f"-Dbellwire_DIR={library}",
         "-DCMAKE_BUILD_TYPE=Debug")
    _run(log, place, "cmake", "--build", place / "built", "-j", str(os.cpu_count()))
    return Served(place / "built", work)


def _run(log: Path, place: Path, *argv: str | Path) -> None:
    limits = ("prlimit", f"--as={MEMORY}", f"--fsize={WRITTEN}", "--core=0")
    if children.run(*limits, *argv, log=log, limit=BUILD_LIMIT, cwd=place).returncode:
        lines = log.read_text(errors="replace").splitlines()
        errors = [line for line in lines if "error" in line.lower()]
        raise NotBuilt("it does not compile: "
                       + (errors or lines or ["?"])[0].replace(f"{place}/", ""))


class Process:
    """The device. It reaches the switchboard by a descriptor, as it sees no folder of ours."""

    def __init__(self, program: Path, socket: Path, log: Path) -> None:
        self._log = log
        with ExitStack() as opened:
            files = [os.open(program, os.O_RDONLY), os.open(socket, os.O_PATH)]
            for file in files:
                opened.callback(os.close, file)
            paths = [f"/proc/self/fd/{file}" for file in files]
            self._confined = Confined([paths[0], "--on", f"ivshmem:{paths[1]},slot=0"], log, files)

    def kill(self) -> None:
        self._confined.kill()

    def ended(self) -> str:
        """How it ended, and what it said last; "" while it runs."""
        if not self._confined.has_ended():
            return ""
        said = messages.plain(last_line(self._log)[-SHOWN:])
        return f"the device {self._confined.end()}{f': {said}' if said else ''}"

    def check(self) -> None:
        if why := self.ended():
            raise Wrong(why)

    def end(self, limit: float) -> int | None:
        """Asks it to end, by SIGTERM; its status, or None if it has not ended in time."""
        self._confined.send(signal.SIGTERM)
        deadline = time.monotonic() + limit
        while not self._confined.has_ended():
            if time.monotonic() > deadline:
                return None
            time.sleep(0.01)
        return self._confined.end_status()


class Served(Booted):
    """A guest on whose wires the student's device is, while a task wants it."""

    def __init__(self, built: Path, work: Path) -> None:
        super().__init__(work, Machine(["echo"]))  # which never starts
        self._built = built
        self._starts = 0
        self.device: Process | None = None

    def _fill(self, share: Path) -> None:
        (self._built / "hands").rename(share / "hands")

    def _serve(self, lab: Lab) -> None:
        assert lab.switchboard and lab.switchboard.socket
        lab.switchboard.start()
        lab.switchboard.socket.chmod(0o666)  # for a process of another user, in a folder that is ours

    @contextmanager
    def running(self) -> Iterator[Hands]:
        """A process in a guest with the device, for a with statement."""
        hands = self._running()
        try:
            self.start()
            yield hands
            self._stop(hands)
        except BaseException as error:
            if isinstance(error, Wrong) and hands.idle:
                self._stop(hands)
            else:
                self._end()
            raise

    def _stop(self, hands: Hands) -> None:
        assert self.device
        self.device.kill()
        hands.watch = lambda: None
        for number in range(QUEUES):
            hands.ask("release", number)

    def _end(self) -> None:
        if self.device:
            self.device.kill()
        super()._end()

    def start(self) -> None:
        """Starts it, or starts it again."""
        self._starts += 1
        socket = self.lab.switchboard and self.lab.switchboard.socket
        assert socket
        self.device = Process(self._built / "device", socket,
                              self._work / f"device-{self._starts}.log")
        self._running().watch = self.device.check

    def restart(self) -> None:
        """Kills it by SIGKILL, and starts it again."""
        assert self.device
        self.device.kill()
        self.start()

    def end(self) -> None:
        """Asks it to end in order. Wrong: it does not, or not with 0."""
        assert self.device
        limit = self._running().limit
        self._running().watch = lambda: None
        status = self.device.end(limit)
        if status is None:
            raise Wrong(f"the device still ran {limit:.1f} s after it got SIGTERM")
        if status:
            raise Wrong(f"the device {describe(status)} after it got SIGTERM")


QUEUES = 8  # queues.h
STATUSES = ("BELLWIRE_DONE", "BELLWIRE_BAD_RANGE", "BELLWIRE_BAD_OPERATION", "BELLWIRE_BAD_LENGTH",
            "BELLWIRE_FAILED")  # guest-kmod/uapi/bellwire.h


@dataclass(frozen=True)
class Completion:
    status: str
    result: int
    length: int
    cookie: int
    output: bytes  # all that there is room for


@dataclass(frozen=True)
class Queue:
    """One of the device's, claimed by the process in the guest."""

    hands: Hands
    number: int

    @classmethod
    def claim(cls, hands: Hands, name: str, number: int = 0) -> "Queue":
        """`number`: ours, below QUEUES."""
        if error := hands.ask("claim", number, name, more=SERVES)[0]:
            raise Wrong(f"no queue of a device '{name}' can be claimed: {words(error)}")
        return cls(hands, number)

    def submit(self, operation: int, data: bytes = b"", room: int = 0) -> None:
        self.hands.must("submit", self.number, operation, room, data.hex())

    def take(self, ms: int | None = None) -> Completion | None:
        """The next completion; None: there is none in that time, by default what a step gets."""
        wait = round(self.hands.limit * 1000) if ms is None else ms
        status, data = self.hands.ask("take", self.number, wait, more=wait / 1000)
        if status == ETIMEDOUT:
            return None
        if status < 0:
            raise Wrong(f"the queue can't be used: {words(status)}")
        result, length, cookie = (int.from_bytes(data[begin:end], "little")
                                  for begin, end in ((0, 8), (8, 12), (12, 20)))
        name = STATUSES[status] if status < len(STATUSES) else str(status)
        return Completion(name, result, length, cookie, data[20:])

    def ask(self, operation: int, data: bytes = b"", room: int = 0) -> Completion:
        """Submits a request and waits for its completion."""
        self.submit(operation, data, room)
        if not (completion := self.take()):
            raise Wrong(f"a request of the operation {operation} was not completed within "
                        f"{self.hands.limit:.1f} s")
        return completion

    def reset(self) -> int:
        return self.hands.ask("reset", self.number, more=SERVES)[0]


SERVES = 20.0  # seconds, in which the guest's library gives up that a queue is served
ETIMEDOUT = -110
