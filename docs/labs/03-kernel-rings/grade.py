# SPDX-License-Identifier: BSD-3-Clause
"""Grades lab 3: a process in a VM uses /dev/rings as programs do, and looks at its own eventfds."""

import random
from pathlib import Path

from bellwire.teaching import module
from bellwire.teaching.grader import Grader, Wrong, expect
from bellwire.teaching.guest import EAGAIN, Guest
from bellwire.teaching.hands import Hands

FILE = "/dev/rings"
SET, RING, LATER = (ord("R") << 8 | number for number in (1, 2, 3))  # rings_lab.h
ENXIO, EBADF, EBUSY, EINVAL, ENOTTY = -6, -9, -16, -22, -25
SOON, LATE = 30, 400  # ms


def build(folder: Path, work: Path) -> Guest:
    return Guest(module.build(folder, ("rings.c", "rings_lab.h"), work), work)


grader = Grader(build)


def with_eventfd(hands: Hands) -> tuple[int, int]:
    """An open file, and the eventfd that it has."""
    file, fd = hands.opened(FILE), hands.eventfd()
    expect(hands.ioctl(file, SET, fd), 0, "RINGS_SET with an eventfd")
    return file, fd


def ring(hands: Hands, file: int, times: int) -> None:
    for _ in range(times):
        expect(hands.ioctl(file, RING), 0, "RINGS_RING of a file that has an eventfd")


@grader.task(1)
def device(guest: Guest) -> None:
    """The module makes /dev/rings; a command that it does not know is ENOTTY"""
    with guest.loaded() as hands:
        file = hands.opened(FILE)
        unknown = ord("R") << 8 | random.randrange(4, 256)
        expect(hands.ioctl(file, unknown), ENOTTY, f"the ioctl {unknown:#x}")


@grader.task(2)
def rings(guest: Guest) -> None:
    """RINGS_RING adds 1 to the eventfd of the file; ENXIO if it has none"""
    with guest.loaded() as hands:
        expect(hands.ioctl(hands.opened(FILE), RING), ENXIO, "RINGS_RING of a file without an eventfd")
        file, fd = with_eventfd(hands)
        before, times = random.randrange(1 << 20), random.randrange(2, 9)
        hands.ring(fd, before + 1)
        ring(hands, file, times)
        expect(hands.count(fd), before + 1 + times,
               f"the count, which was {before + 1}, after {times} rings")


@grader.task(2)
def refuses(guest: Guest) -> None:
    """RINGS_SET refuses what is no eventfd, and the file keeps what it had"""
    with guest.loaded() as hands:
        file, fd = with_eventfd(hands)
        closed, null = hands.eventfd(), hands.open("/dev/null")
        hands.close(closed)
        expect(hands.ioctl(file, SET, closed), EBADF, "RINGS_SET with a closed descriptor")
        expect(hands.ioctl(file, SET, null), EINVAL, "RINGS_SET with a descriptor of /dev/null")
        ring(hands, file, 1)
        expect(hands.count(fd), 1, "the count of the eventfd from before, after a ring")


@grader.task(2)
def replaces(guest: Guest) -> None:
    """RINGS_SET replaces the eventfd that the file had, and gives that one back"""
    with guest.loaded() as hands:
        file, old = with_eventfd(hands)
        new = hands.eventfd()
        expect(hands.ioctl(file, SET, new), 0, "RINGS_SET with another eventfd")
        ring(hands, file, 1)
        expect((hands.count(old), hands.count(new)), (0, 1),
               "the counts of the eventfd from before and of the new one, after a ring")
        expect_given_back(hands, old, "the eventfd from before, which is closed,")


def expect_given_back(hands: Hands, fd: int, what: str) -> None:
    identity = hands.identity(fd)
    hands.close(fd)
    if not hands.until(lambda: hands.is_free(identity)):
        raise Wrong(f"{what} is still there: your module has a reference to it (eventfd_ctx_put)")


@grader.task(2)
def keeps(guest: Guest) -> None:
    """A program may close its eventfd first: the module's reference keeps it"""
    with guest.loaded() as hands:
        file, fd = with_eventfd(hands)
        identity = hands.identity(fd)
        hands.close(fd)
        if hands.is_free(identity):
            raise Wrong("the eventfd is gone when the program closes it, although your module would "
                        "ring it: it needs a reference")
        ring(hands, file, 1)


@grader.task(2)
def releases(guest: Guest) -> None:
    """When the file is closed, its eventfd is given back"""
    with guest.loaded() as hands:
        file, fd = with_eventfd(hands)
        hands.close(file)
        expect_given_back(hands, fd, "an eventfd that is closed, and whose file is,")


@grader.task(2)
def own_files(guest: Guest) -> None:
    """Each open file has an eventfd of its own"""
    with guest.loaded() as hands:
        (one, first), (other, second) = with_eventfd(hands), with_eventfd(hands)
        times = random.randrange(2, 9)
        ring(hands, one, times)
        ring(hands, other, 1)
        expect((hands.count(first), hands.count(second)), (times, 1),
               f"the counts of the eventfds of two files that were rung {times} times and once")


@grader.task(2)
def later(guest: Guest) -> None:
    """RINGS_LATER rings once, and not before its time; EBUSY if one is still to come"""
    with guest.loaded() as hands:
        file, fd = with_eventfd(hands)
        expect(hands.ioctl(file, LATER, SOON), 0, "RINGS_LATER")
        if not hands.awaits(fd):
            raise Wrong(f"nothing rang within {hands.limit:.1f} s, after RINGS_LATER with {SOON} ms")
        expect(hands.take(fd), 1, "the count then")
        expect(hands.ioctl(file, LATER, 1 << 24), 0, "RINGS_LATER after the ring of the last one")
        expect(hands.ioctl(file, LATER, SOON), EBUSY, "RINGS_LATER while one is still to come")
        expect(hands.count(fd), 0, "the count, hours before the ring is due")


@grader.task(2)
def cancels(guest: Guest) -> None:
    """A file that is closed rings no more, and the module can go at once"""
    with guest.loaded() as hands:
        file, fd = with_eventfd(hands)
        expect(hands.ioctl(file, LATER, LATE), 0, "RINGS_LATER")
        hands.close(file)
        expect(guest.unload(hands), 0, "rmmod of the module, with all files closed")
        hands.sleep(2 * LATE)
        expect(hands.count(fd), 0, "the count after the ring of a closed file was due")


@grader.task(1)
def stays(guest: Guest) -> None:
    """The module can't be unloaded while a file is open"""
    with guest.loaded() as hands:
        hands.opened(FILE)
        expect(guest.unload(hands), EAGAIN, "rmmod while /dev/rings is open")
