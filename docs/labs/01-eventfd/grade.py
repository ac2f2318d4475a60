# SPDX-License-Identifier: BSD-3-Clause
"""Grades lab 1. Each task gives the functions eventfds of its own with random counts, and looks at
what they did to these."""

import os
import random
import select
from dataclasses import dataclass
from pathlib import Path

from bellwire.teaching import code
from bellwire.teaching.code import I32, U32, U64, Code, count_of, eventfd
from bellwire.teaching.grader import Grader, Wrong, expect, words

EAGAIN = -11
FULL = (1 << 64) - 2


@dataclass(frozen=True)
class Answer:
    code: Code
    predictions: dict[str, str]


def build(folder: Path, work: Path) -> Answer:
    made = code.build(folder, ("eventfd_lab.c", "eventfd_lab.h"), work)
    return Answer(made, code.predictions(folder / "predictions.txt"))


grader = Grader(build)


def some() -> int:
    return random.randrange(2, 1 << 20)


@grader.task(1)
def create(answer: Answer) -> None:
    """lab_create() makes an eventfd with that count, closed by exec, that never sleeps"""
    count = some()
    made = answer.code.call("lab_create", U32(count))
    _check_made(made, f"lab_create({count})")
    expect(made.count, count, f"the count of what lab_create({count}) returned")
    _check_flags(made, "lab_create()")
    expect(made.fdinfo.get("eventfd-semaphore", "0").strip(), "0", "whether it is a semaphore")


@grader.task(1)
def semaphore(answer: Answer) -> None:
    """lab_create_semaphore() makes one of which each read takes 1"""
    count = some()
    made = answer.code.call("lab_create_semaphore", U32(count), then="lab_take")
    _check_made(made, f"lab_create_semaphore({count})")
    _check_flags(made, "lab_create_semaphore()")
    expect((made.after, made.count), (1, count - 1),
           f"lab_take() of lab_create_semaphore({count}): what it returned, what is left")


def _check_made(made: code.Returned, call: str) -> None:
    if made.count is None:
        raise Wrong(f"{call} returned {words(made.value)}, which is not an eventfd")


def _check_flags(made: code.Returned, what: str) -> None:
    for flag, name in ((os.O_NONBLOCK, "EFD_NONBLOCK"), (os.O_CLOEXEC, "EFD_CLOEXEC")):
        if not made.flags & flag:
            raise Wrong(f"what {what} returned was made without {name}")


@grader.task(1)
def ring(answer: Answer) -> None:
    """lab_ring() adds to the count"""
    count, more = some(), some()
    with eventfd(count) as fd:
        result = answer.code.call("lab_ring", I32(fd), U64(more), passed=[fd]).value
        expect(count_of(fd), count + more, f"the count after lab_ring({more}), which was {count}")
        expect(result, 0, "what lab_ring() returned")


@grader.task(1)
def ring_full(answer: Answer) -> None:
    """lab_ring() of an eventfd without room fails with EAGAIN, and adds nothing"""
    room = some()
    with eventfd(FULL - room) as fd:
        result = answer.code.call("lab_ring", I32(fd), U64(room + 1), passed=[fd]).value
        expect(result, EAGAIN, f"lab_ring({room + 1}) of an eventfd with room for {room}")
        expect(count_of(fd), FULL - room, "the count afterwards")


@grader.task(2)
def take(answer: Answer) -> None:
    """lab_take() returns the count and leaves 0"""
    count = some()
    with eventfd(count) as fd:
        taken = answer.code.call("lab_take", I32(fd), returns="i64", passed=[fd]).value
        expect((taken, count_of(fd)), (count, 0),
               f"lab_take() of an eventfd with {count}: what it returned, what is left")


@grader.task(1)
def take_nothing(answer: Answer) -> None:
    """lab_take() of an eventfd that is not rung returns 0 at once"""
    with eventfd() as fd:
        taken = answer.code.call("lab_take", I32(fd), returns="i64", passed=[fd]).value
        expect(taken, 0, "lab_take() of an eventfd with 0")


@grader.task(2)
def is_rung(answer: Answer) -> None:
    """lab_is_rung() says whether the count is 0, and takes nothing"""
    for count in (0, some(), FULL):
        with eventfd(count) as fd:
            said = answer.code.call("lab_is_rung", I32(fd), passed=[fd]).value
            expect(said, int(count > 0), f"lab_is_rung() of an eventfd with {count}")
            expect(count_of(fd), count, "the count after lab_is_rung()")


@grader.task(1)
def wait_asleep(answer: Answer) -> None:
    """lab_wait() sleeps until it is rung: it computes nothing meanwhile"""
    with eventfd() as fd, answer.code.start("lab_wait", I32(fd), returns="i64", passed=[fd]) as call:
        call.expect_asleep("the eventfd is not rung")
        code.ring(fd)
        call.result()


@grader.task(2)
def wait_takes(answer: Answer) -> None:
    """lab_wait() takes the count, so that the next one sleeps again"""
    count = some()
    with eventfd(count) as fd:
        with answer.code.start("lab_wait", I32(fd), returns="i64", passed=[fd]) as call:
            expect(call.result().value, count, f"lab_wait() of an eventfd with {count}")
        expect(count_of(fd), 0, "the count after lab_wait()",
               "with a count that stays, poll returns at once, again and again")


@grader.task(2)
def predictions(answer: Answer) -> None:
    """predictions.txt says what happens"""
    code.compare(answer.predictions, _experiments())


def _experiments() -> dict[str, str]:
    """Done now, by this kernel."""
    seen: dict[str, str] = {}
    with eventfd() as fd:
        code.ring(fd, 3)
        code.ring(fd, 4)
        seen["one read returns"] = str(code.take(fd))
        try:
            seen["second read returns"] = str(code.take(fd))
        except BlockingIOError:
            seen["second read returns"] = "EAGAIN"
    with eventfd(1) as fd:
        _ready(fd, select.POLLIN)
        seen["second poll says"] = _ready(fd, select.POLLIN)
    with eventfd(3, code.EFD_SEMAPHORE | os.O_NONBLOCK) as fd:
        seen["semaphore read returns"] = str(code.take(fd))
        seen["semaphore count afterwards"] = str(count_of(fd))
    with eventfd(FULL) as fd:
        seen["full eventfd is writable"] = _ready(fd, select.POLLOUT)
    return seen


def _ready(fd: int, wanted: int) -> str:
    poller = select.poll()
    poller.register(fd, wanted)
    return "ready" if poller.poll(0) else "not ready"
