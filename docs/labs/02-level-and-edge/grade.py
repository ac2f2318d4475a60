# SPDX-License-Identifier: BSD-3-Clause
"""Grades lab 2. lab_receive() is run instruction by instruction, with a sender that comes in after
each of them in turn (teaching/interleave.py)."""

import os
import random
import re
import select
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from bellwire.teaching import code, interleave
from bellwire.teaching.code import I32, U32, U32s, Code, eventfd
from bellwire.teaching.grader import Grader, Wrong, expect
from bellwire.teaching.interleave import Place


@dataclass(frozen=True)
class Answer:
    code: Code
    predictions: dict[str, str]

    @cached_property
    def places(self) -> list[Place]:
        return interleave.places(self.code, "lab_receive")


def build(folder: Path, work: Path) -> Answer:
    made = code.build(folder, ("waiting_lab.c", "waiting_lab.h"), work)
    return Answer(made, code.predictions(folder / "predictions.txt"))


grader = Grader(build)


@grader.task(1)
def level(answer: Answer) -> None:
    """lab_watch() watches for reading, level-triggered"""
    _check_watched(answer, edge=False)


@grader.task(1)
def edge(answer: Answer) -> None:
    """lab_watch() watches edge-triggered, where that is wanted"""
    _check_watched(answer, edge=True)


def _check_watched(answer: Answer, edge: bool) -> None:
    with eventfd() as fd, select.epoll() as watched:
        result = answer.code.call("lab_watch", I32(watched.fileno()), I32(fd), I32(int(edge)),
                                  passed=[fd, watched.fileno()]).value
        expect(result, 0, "what lab_watch() returned")
        text = Path(f"/proc/self/fdinfo/{watched.fileno()}").read_text()
        found = re.search(rf"^tfd: +{fd} events: +([0-9a-f]+) +data: +([0-9a-f]+)", text, re.MULTILINE)
        if not found:
            raise Wrong("the epoll instance does not watch the descriptor")
        events = int(found[1], 16)
        expect(bool(events & select.EPOLLIN), True, "whether it watches for reading (EPOLLIN)")
        expect(bool(events & select.EPOLLET), edge, "whether it is edge-triggered (EPOLLET)")
        expect(int(found[2], 16) & 0xffffffff, fd, "data.fd")


@grader.task(1)
def next_one(answer: Answer) -> None:
    """lab_next() sleeps until a descriptor is reported, and returns that"""
    with eventfd() as one, eventfd() as other, select.epoll() as watched:
        for fd in (one, other):
            watched.register(fd, select.EPOLLIN)
        passed = [watched.fileno(), one, other]
        with answer.code.start("lab_next", I32(watched.fileno()), passed=passed) as call:
            call.expect_asleep("nothing is rung")
            rung = random.choice((one, other))
            code.ring(rung)
            expect(call.result().value, rung, f"lab_next(), with {one} and {other} watched and {rung} rung")


@grader.task(1)
def awake(answer: Answer) -> None:
    """lab_receive() returns at once if there are items, and does not ask to be rung"""
    taken = random.randrange(1, 1000)
    posted = taken + random.randrange(1, 1000)
    with eventfd() as fd:
        found = answer.code.call("lab_receive", U32s(posted, 0), I32(fd), U32(taken), passed=[fd])
        expect(found.value, posted, f"lab_receive() with {posted} posted and {taken} taken")
        expect(found.changed[0][1], 0, "wants_ring afterwards")


@grader.task(1)
def wakes(answer: Answer) -> None:
    """lab_receive() sleeps until an item is posted, and returns how many there are"""
    last = answer.places[-1]
    expect((last.end, last.value), ("returned", 1), "lab_receive(), when an item is posted while it "
           "sleeps: how it ended, and what it returned")


@grader.task(1)
def asks_no_more(answer: Answer) -> None:
    """lab_receive() asks no more to be rung when it returns"""
    asking = [place for place in answer.places if place.end == "returned" and place.wants_ring]
    if asking:
        raise Wrong(f"it returned with wants_ring set: when the item came after {asking[0].steps} "
                    "instructions, for instance")


@grader.task(4)
def no_lost_wakeup(answer: Answer) -> None:
    """No item is missed, wherever the sender comes in between"""
    missed = [place for place in answer.places if place.end != "returned" or place.value != 1]
    if missed:
        raise Wrong(f"an item that is posted after {_steps(missed)} of its {answer.places[-1].steps} "
                    f"instructions until it sleeps is not received: {missed[0]}")


def _steps(places: list[Place]) -> str:
    first, last = places[0].steps, places[-1].steps
    return f"{first}" if first == last else f"{first} to {last}"


@grader.task(2)
def spurious(answer: Answer) -> None:
    """lab_receive() that is rung without any item goes on sleeping"""
    with eventfd(random.randrange(1, 1000)) as fd:
        with answer.code.start("lab_receive", U32s(7, 0), I32(fd), U32(7), passed=[fd]) as call:
            call.expect_asleep("it is rung, but there is no item")


@grader.task(3)
def predictions(answer: Answer) -> None:
    """predictions.txt says what happens"""
    code.compare(answer.predictions, _experiments())


def _experiments() -> dict[str, str]:
    """Done now, by this kernel."""
    level, edge = select.EPOLLIN, select.EPOLLIN | select.EPOLLET
    once = ("ring", "wait", "wait")
    return {
        "level, second wait reports": _try(level, *once)[1],
        "edge, second wait reports": _try(edge, *once)[1],
        "edge, rung again, second wait reports": _try(edge, "ring", "wait", "ring", "wait")[1],
        "edge, rung three times, first wait reports":
            _try(edge, "ring", "ring", "ring", "wait", "wait")[0],
        "edge, rung three times, second wait reports":
            _try(edge, "ring", "ring", "ring", "wait", "wait")[1],
        "edge, rung before it is added, first wait reports": _try(edge, "wait", before=1)[0],
    }


def _try(events: int, *steps: str, before: int = 0) -> list[str]:
    """What each wait reports."""
    with eventfd(before, os.O_NONBLOCK) as fd, select.epoll() as watched:
        watched.register(fd, events)
        reported = []
        for step in steps:
            if step == "ring":
                code.ring(fd)
            else:
                reported.append(str(len(watched.poll(0))))
        return reported
