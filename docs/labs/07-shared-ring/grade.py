# SPDX-License-Identifier: BSD-3-Clause
"""Grades lab 7. The student's side of a ring runs against a peer of scenarios/, in every order that
matters, on a memory in which stores may become visible late (teaching/explore.py)."""

from dataclasses import dataclass
from pathlib import Path

from bellwire.teaching import code, explore
from bellwire.teaching.explore import Explorer
from bellwire.teaching.grader import Grader

HERE = Path(__file__).parent
SOURCE = "ring_lab.c"
# The lines of predictions.txt, and the scenario that tries each.
PREDICTIONS = {
    "both load 0, relaxed": "relaxed",
    "both load 0, release and acquire": "ordered",
    "both load 0, seq_cst": "seq_cst",
    "both load 0, fences": "fences",
    "both load 0, one fence": "one_fence",
    "ready without data, relaxed": "pass_relaxed",
    "ready without data, release and acquire": "pass_ordered",
    "ready without data, release and relaxed": "pass_half",
}
SCENARIOS = ("in_order", "wraps", "needs", "published_whole", "overwrites_nothing", "taken_whole",
             "gives_back", "rings_if_asked", "sleeps", "sleeps_again", "stays_awake", "sender_wakes",
             "sender_wakes_once", "receiver_wakes")


@dataclass(frozen=True)
class Answer:
    explorer: Explorer
    predictions: dict[str, str]


def build(folder: Path, work: Path) -> Answer:
    predictions = code.predictions(folder / "predictions.txt")
    header = HERE / "skeleton/ring_lab.h"
    library = explore.build_library(folder, SOURCE, header, work)
    program = explore.build_program(header, HERE / "scenarios", work)
    return Answer(Explorer(program, library, SOURCE, (*SCENARIOS, *PREDICTIONS.values())), predictions)


grader = Grader(build)


@grader.task(1)
def in_order(answer: Answer) -> None:
    """What lab_publish() publishes, lab_take() takes: once, and in order"""
    answer.explorer.expect_right("in_order")


@grader.task(1)
def wraps(answer: Answer) -> None:
    """They do when the numbers pass 2^32"""
    answer.explorer.expect_right("wraps")


@grader.task(2)
def needs_doorbell(answer: Answer) -> None:
    """lab_need_doorbell() finds the event, also when the numbers pass 2^32"""
    answer.explorer.expect_right("needs")


@grader.task(2)
def published_whole(answer: Answer) -> None:
    """Whoever sees that an item is published sees all of it"""
    answer.explorer.expect_right("published_whole")


@grader.task(2)
def overwrites_nothing(answer: Answer) -> None:
    """lab_publish() overwrites no entry that is in use"""
    answer.explorer.expect_right("overwrites_nothing")


@grader.task(2)
def taken_whole(answer: Answer) -> None:
    """lab_take() reads an entry only when it has seen that it is published"""
    answer.explorer.expect_right("taken_whole")


@grader.task(2)
def gives_back(answer: Answer) -> None:
    """lab_take() gives an entry back only when it has read it"""
    answer.explorer.expect_right("gives_back")


@grader.task(2)
def rings_if_asked(answer: Answer) -> None:
    """lab_send() rings once if it is asked to, else not"""
    answer.explorer.expect_right("rings_if_asked")


@grader.task(2)
def sleeps(answer: Answer) -> None:
    """lab_receive() sleeps if there is nothing, and only then"""
    answer.explorer.expect_right("sleeps", "stays_awake")


@grader.task(1)
def spurious(answer: Answer) -> None:
    """lab_receive() that is rung without any item goes on sleeping"""
    answer.explorer.expect_right("sleeps_again")


@grader.task(3)
def sender_wakes(answer: Answer) -> None:
    """lab_send() leaves no receiver asleep, in whatever order their steps become visible"""
    answer.explorer.expect_right("sender_wakes", "sender_wakes_once")


@grader.task(3)
def no_lost_wakeup(answer: Answer) -> None:
    """lab_receive() misses no item, in whatever order their steps become visible"""
    answer.explorer.expect_right("receiver_wakes")


@grader.task(2)
def predictions(answer: Answer) -> None:
    """predictions.txt says what may happen"""
    may = {name: answer.explorer.seen(scenario) for name, scenario in PREDICTIONS.items()}
    code.compare(answer.predictions, {name: "yes" if each else "no" for name, each in may.items()})
