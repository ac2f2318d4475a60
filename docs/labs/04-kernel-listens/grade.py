# SPDX-License-Identifier: BSD-3-Clause
"""Grades lab 4: a process in a VM rings kicks, and looks at what /dev/listens answers."""

import os
import random
import struct
from dataclasses import dataclass
from pathlib import Path

from bellwire.teaching import module
from bellwire.teaching.grader import Grader, Wrong, expect
from bellwire.teaching.guest import Guest
from bellwire.teaching.hands import Hands

# listens_lab.h
START = 1 << 30 | 12 << 16 | ord("L") << 8 | 1
STOP = ord("L") << 8 | 2
TOTAL = 2 << 30 | 8 << 16 | ord("L") << 8 | 3
READ, POLL, CALLBACK, NONE = range(4)
FILE = "/dev/listens"
NAMES = {READ: "LISTENS_READ", POLL: "LISTENS_POLL", CALLBACK: "LISTENS_CALLBACK"}
THREADS = "listens"
EBADF, EBUSY, EINVAL = -9, -16, -22
RINGS = 40


def build(folder: Path, work: Path) -> Guest:
    return Guest(module.build(folder, ("listens.c", "listens_lab.h"), work), work)


grader = Grader(build)


@dataclass
class Listener:
    """An open file, and its eventfds."""

    hands: Hands
    way: int
    file: int
    kick: int
    call: int

    @classmethod
    def begin(cls, hands: Hands, way: int, count: int = 0, flags: int | None = None) -> "Listener":
        """`count`: of the kick, beforehand."""
        chosen = flags if flags is not None else 0 if way == READ else os.O_NONBLOCK
        made = cls(hands, way, hands.opened(FILE), hands.eventfd(count, chosen),
                   hands.eventfd(0, os.O_NONBLOCK))
        made.start()
        return made

    @property
    def name(self) -> str:
        return NAMES[self.way]

    def start(self) -> None:
        expect(start(self.hands, self.file, self.kick, self.call, self.way), 0,
               f"LISTENS_START with {self.name}")

    def stop(self) -> None:
        expect(self.hands.ioctl(self.file, STOP), 0, f"LISTENS_STOP, with {self.name}")

    def total(self) -> int:
        error, data = self.hands.ioctl_of(self.file, TOTAL, bytes(8))
        expect(error, 0, "LISTENS_TOTAL")
        return int.from_bytes(data, "little")

    def expect_answer(self, total: int) -> None:
        """Waits for it."""
        if not self.hands.awaits(self.call):
            raise Wrong(f"the call was not rung within {self.hands.limit:.1f} s, with {self.name}; the "
                        f"kick has the count {self.hands.count(self.kick)}, the total is "
                        f"{self.total()}")
        self.hands.until(lambda: self.total() == total)
        expect((self.total(), self.hands.count(self.kick)), (total, 0),
               f"the total and the count of the kick, with {self.name}")

    def expect_given_back(self, when: str) -> None:
        """Closes the descriptors of both eventfds."""
        for name, fd in (("kick", self.kick), ("call", self.call)):
            identity = self.hands.identity(fd)
            self.hands.close(fd)
            if not self.hands.until(lambda: self.hands.is_free(identity)):
                raise Wrong(f"the module still has a reference to the {name}, or to its file, {when}, "
                            f"with {self.name}")


def start(hands: Hands, file: int, kick: int, call: int, way: int) -> int:
    return hands.ioctl_of(file, START, struct.pack("<iiI", kick, call, way))[0]


def some() -> int:
    return random.randrange(2, 1 << 20)


@grader.task(2)
def refuses(guest: Guest) -> None:
    """LISTENS_START refuses what it can't listen to, and keeps nothing of it"""
    with guest.loaded() as hands:
        file, kick, call = hands.opened(FILE), hands.eventfd(), hands.eventfd()
        closed, null = hands.eventfd(), hands.open("/dev/null")
        hands.close(closed)
        expect(start(hands, file, closed, call, READ), EBADF, "LISTENS_START, the kick closed")
        expect(start(hands, file, null, call, READ), EINVAL, "LISTENS_START, the kick of /dev/null")
        expect(start(hands, file, kick, closed, POLL), EBADF, "LISTENS_START, the call closed")
        expect(start(hands, file, kick, call, NONE), EINVAL, f"LISTENS_START with the way {NONE}")
        expect(hands.ioctl(file, STOP), EINVAL, "LISTENS_STOP of a file that does not listen")
        Listener(hands, READ, file, kick, call).expect_given_back("after a START that was refused")


@grader.task(1)
def busy(guest: Guest) -> None:
    """A file listens to one kick at a time"""
    with guest.loaded() as hands:
        one = Listener.begin(hands, READ)
        expect(start(hands, one.file, hands.eventfd(), one.call, CALLBACK), EBUSY,
               "LISTENS_START of a file that listens")
        one.stop()
        one.start()
        one.stop()


def try_rings(guest: Guest, way: int) -> None:
    """One, and then many at once."""
    with guest.loaded() as hands:
        one = Listener.begin(hands, way)
        total = some()
        hands.ring(one.kick, total)
        one.expect_answer(total)
        hands.take(one.call)
        for _ in range(RINGS):
            total += (more := some())
            hands.ring(one.kick, more)
        one.expect_answer(total)
        expect(hands.count(one.call) <= RINGS, True,
               f"whether the call was rung {RINGS} times at most, for as many rings of the kick")
        one.stop()


@grader.task(2)
def reads(guest: Guest) -> None:
    """LISTENS_READ hears all that is rung, and answers"""
    try_rings(guest, READ)


@grader.task(1)
def reads_blocking(guest: Guest) -> None:
    """LISTENS_READ refuses a kick that is nonblocking"""
    with guest.loaded() as hands:
        kick, call = hands.eventfd(0, os.O_NONBLOCK), hands.eventfd()
        expect(start(hands, hands.opened(FILE), kick, call, READ), EINVAL,
               "LISTENS_START with LISTENS_READ and a nonblocking kick")


@grader.task(2)
def polls(guest: Guest) -> None:
    """LISTENS_POLL hears all that is rung, and answers"""
    try_rings(guest, POLL)


@grader.task(3)
def calls_back(guest: Guest) -> None:
    """LISTENS_CALLBACK hears all that is rung, and answers, without a thread"""
    try_rings(guest, CALLBACK)


@grader.task(2)
def before(guest: Guest) -> None:
    """What was rung before LISTENS_START is heard as well"""
    with guest.loaded() as hands:
        for way in NAMES:
            count = some()
            one = Listener.begin(hands, way, count)
            one.expect_answer(count)
            one.stop()


@grader.task(2)
def sleeps(guest: Guest) -> None:
    """Threads sleep while nothing is rung; LISTENS_CALLBACK has none"""
    with guest.loaded() as hands:
        for way in (READ, POLL):
            one = Listener.begin(hands, way)
            hands.ring(one.kick)
            one.expect_answer(1)
            expect(len(hands.threads(THREADS)), 1, f"how many threads {one.name} has")
            if not hands.is_quiet(THREADS):
                raise Wrong(f"the thread of {one.name} goes on running, or is woken again and again, "
                            f"while nothing is rung: {hands.threads(THREADS)[0]}")
            one.stop()
        one = Listener.begin(hands, CALLBACK)
        expect(hands.threads(THREADS), [], "the threads of LISTENS_CALLBACK")
        one.stop()


@grader.task(2)
def stops(guest: Guest) -> None:
    """After LISTENS_STOP nothing is heard, and everything is given back"""
    with guest.loaded() as hands:
        for way in NAMES:
            one = Listener.begin(hands, way)
            one.stop()
            count = some()
            hands.ring(one.kick, count)
            expect(hands.threads(THREADS), [], f"the threads after LISTENS_STOP, with {one.name}")
            expect((one.total(), hands.count(one.kick)), (0, count),
                   f"the total and the count of the kick, rung after LISTENS_STOP, with {one.name}")
            one.expect_given_back("after LISTENS_STOP")


@grader.task(2)
def closes(guest: Guest) -> None:
    """A file that is closed while it listens gives everything back"""
    with guest.loaded() as hands:
        for way in NAMES:
            one = Listener.begin(hands, way)
            hands.close(one.file)
            one.expect_given_back("after the file was closed")
            expect(hands.threads(THREADS), [], f"the threads then, with {one.name}")


@grader.task(3)
def hangs_up(guest: Guest) -> None:
    """LISTENS_CALLBACK stops by itself when the kick is closed, and can start again"""
    with guest.loaded() as hands:
        one = Listener.begin(hands, CALLBACK)
        one.expect_given_back("after the program has closed it")
        one.kick, one.call = hands.eventfd(), hands.eventfd()
        one.start()
        one.stop()
