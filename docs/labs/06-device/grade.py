# SPDX-License-Identifier: BSD-3-Clause
"""Grades lab 6: a process in a VM is the device's driver, by several queues."""

import os
import random
from pathlib import Path

from bellwire.teaching import device
from bellwire.teaching.device import Completion, Queue, Served
from bellwire.teaching.grader import Grader, Wrong, expect
from bellwire.teaching.hands import Hands

NAME, SOURCES = "lab6", ("lab_device.cpp", "lab_device.h")
REVERSE, ADD, LATER, UNKNOWN = 1, 2, 3, 4  # lab_device.h
DONE, BAD_OPERATION, BAD_LENGTH = "BELLWIRE_DONE", "BELLWIRE_BAD_OPERATION", "BELLWIRE_BAD_LENGTH"
UNTOUCHED = 0xee  # teaching/queues.h
HOUR, SOON, MOMENT = 3_600_000, 30, 300  # ms


def build(folder: Path, work: Path) -> Served:
    return device.build(folder, SOURCES, work)


grader = Grader(build)


def claim(hands: Hands, number: int = 0) -> Queue:
    return Queue.claim(hands, NAME, number)


def add(queue: Queue, number: int) -> int:
    completion = queue.ask(ADD, number.to_bytes(8, "little"))
    expect(completion.status, DONE, f"the status of LAB_ADD of {number}")
    return completion.result


def later(queue: Queue, ms: int) -> None:
    queue.submit(LATER, ms.to_bytes(4, "little"))


def expect_reverses(queue: Queue, more: int = 0) -> None:
    """`more`: room in the output."""
    data = os.urandom(random.randrange(2, 500))
    seen = queue.ask(REVERSE, data, len(data) + more)
    expect((seen.status, seen.result, seen.length), (DONE, len(data), len(data)),
           f"status, result and length of LAB_REVERSE of {len(data)} bytes")
    if seen.output != data[::-1] + bytes([UNTOUCHED]) * more:
        raise Wrong(f"the output of LAB_REVERSE of {data[:4].hex()}…{data[-4:].hex()} with room for "
                    f"{more} bytes more is {seen.output[:4].hex()}…{seen.output[-4:].hex()}")


def expect_refused(seen: Completion, status: str, what: str) -> None:
    expect(seen.status, status, f"the status of {what}")


@grader.task(2)
def reverses(served: Served) -> None:
    """LAB_REVERSE turns round the bytes of the input, and writes no more than these"""
    with served.running() as hands:
        queue = claim(hands)
        expect_reverses(queue)
        expect_reverses(queue, random.randrange(1, 100))


@grader.task(2)
def adds(served: Served) -> None:
    """LAB_ADD adds up the numbers of all queues"""
    with served.running() as hands:
        one, other = claim(hands, 0), claim(hands, 1)
        numbers = [random.randrange(1 << 60) for _ in range(4)]
        seen = [add(queue, number) for queue, number in zip((one, other, one, other), numbers)]
        expect(seen[-1], sum(numbers) % (1 << 64), f"the result after {len(numbers)} LAB_ADD by two queues")


@grader.task(3)
def refuses(served: Served) -> None:
    """What does not fit is refused, and the device serves on"""
    with served.running() as hands:
        queue = claim(hands)
        unknown = random.randrange(UNKNOWN, 1 << 31)
        expect_refused(queue.ask(unknown), BAD_OPERATION, f"the operation {unknown}")
        for what, operation, size, room in (("LAB_ADD", ADD, 7, 0), ("LAB_ADD", ADD, 9, 0),
                                            ("LAB_LATER", LATER, 3, 0), ("LAB_REVERSE", REVERSE, 9, 8)):
            expect_refused(queue.ask(operation, bytes(size), room), BAD_LENGTH,
                           f"{what} with an input of {size} bytes and room for {room}")
        expect_reverses(queue)


def expect_soon(queue: Queue) -> None:
    later(queue, SOON)
    if not (seen := queue.take()):
        raise Wrong(f"LAB_LATER of {SOON} ms was not completed within {queue.hands.limit:.1f} s")
    expect((seen.status, seen.result), (DONE, SOON), f"status and result of LAB_LATER of {SOON} ms")


@grader.task(3)
def waits(served: Served) -> None:
    """LAB_LATER is completed when its time has passed, and not before"""
    with served.running() as hands:
        queue = claim(hands)
        expect_soon(queue)
        later(queue, HOUR)
        if queue.take(MOMENT):
            raise Wrong("LAB_LATER of an hour was completed at once")


@grader.task(2)
def goes_on(served: Served) -> None:
    """While a request waits, other queues are served"""
    with served.running() as hands:
        one, other = claim(hands, 0), claim(hands, 1)
        later(one, HOUR)
        expect_reverses(other)
        expect_soon(other)


@grader.task(3)
def cancels(served: Served) -> None:
    """A queue is reset at once, whatever it waits for"""
    with served.running() as hands:
        queue = claim(hands)
        later(queue, HOUR)
        if error := queue.reset():
            raise Wrong(f"the reset of a queue with a LAB_LATER of an hour failed with {error}: the "
                        "device still has the request")
        expect_reverses(queue)


@grader.task(2)
def ends(served: Served) -> None:
    """The device ends in order by SIGTERM"""
    with served.running() as hands:
        expect_reverses(claim(hands))
        served.end()


@grader.task(1)
def comes_back(served: Served) -> None:
    """A device that is killed and started again completes what was under way, once"""
    with served.running() as hands:
        queue = claim(hands)
        later(queue, MOMENT)
        served.restart()
        if not (seen := queue.take()):
            raise Wrong("LAB_LATER, under way when the device was killed, was never completed")
        expect((seen.status, seen.result), (DONE, MOMENT), "status and result of that LAB_LATER")
        expect(queue.take(2 * MOMENT), None, "what comes after that")
