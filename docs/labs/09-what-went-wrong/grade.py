# SPDX-License-Identifier: BSD-3-Clause
"""Grades lab 9: what the student says about six recorded runs, and the driver, which runs against a device
of scenarios/ in every order that matters (teaching/explore.py)."""

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bellwire.teaching import code, explore
from bellwire.teaching.explore import Explorer
from bellwire.teaching.grader import Grader, Wrong

HERE = Path(__file__).parent
SOURCE = "driver.c"
SCENARIOS = ("serves", "publishes_first", "wraps", "device_asks", "driver_asks", "interrupt_stays", "too_many")
STAGES = ("submitted", "doorbell", "woken", "taken", "posted", "raised", "awake", "done")
RUNS = tuple(f"run-{number}" for number in range(1, 7))
ROUNDS = 50_000  # so that a search takes longer than to read a trace


@dataclass(frozen=True)
class Answer:
    explorer: Explorer
    named: dict[str, str]  # what answers.txt says of each run


def build(folder: Path, work: Path) -> Answer:
    named = code.predictions(folder / "answers.txt")
    header = HERE / "skeleton/driver_lab.h"
    library = explore.build_library(folder, SOURCE, header, work)
    program = explore.build_program(header, HERE / "scenarios", work)
    return Answer(Explorer(program, library, SOURCE, SCENARIOS), named)


grader = Grader(build)


def parts(answer: str) -> tuple[int, str]:
    """The request and the stage. Wrong: it has not that form."""
    found = re.fullmatch(r"(\d+)\s+(\w+)", answer.lower())
    if not found:
        raise Wrong(f"'{answer}' is not an answer: write a request's number and a stage, such as '17 taken'")
    if found[2] not in STAGES:
        raise Wrong(f"'{found[2]}' is not a stage: choose one of {', '.join(STAGES)}")
    return int(found[1]), found[2]


def digest(trace: str, request: int, stage: str) -> str:
    """What the key has in place of the answer, which would be read there."""
    return hashlib.pbkdf2_hmac("sha256", f"{request} {stage}".encode(), trace.encode(), ROUNDS).hex()


def _name(run: str) -> Callable[[Answer], None]:
    def names(answer: Answer) -> None:
        said = answer.named.get(run, "")
        if said in ("", "?"):
            raise Wrong(f"answers.txt does not say what went wrong in {run}.json")
        trace = (HERE / f"skeleton/{run}.json").read_text()
        if digest(trace, *parts(said)) != json.loads((HERE / "scenarios/key.json").read_text())[run]:
            raise Wrong(f"in {run}.json, it did not begin with '{said}'")

    names.__name__ = run.replace("-", "_")
    names.__doc__ = f"answers.txt says where {run}.json went wrong"
    return names


for each in RUNS:
    grader.task(1)(_name(each))


@grader.task(1)
def serves(answer: Answer) -> None:
    """Requests are submitted and completions given, in order"""
    answer.explorer.expect_right("serves")


@grader.task(2)
def publishes_first(answer: Answer) -> None:
    """A device that is rung finds the request"""
    answer.explorer.expect_right("publishes_first")


@grader.task(2)
def wraps(answer: Answer) -> None:
    """lab_submit() rings when it is asked to, also when the numbers pass 2^32"""
    answer.explorer.expect_right("wraps")


@grader.task(2)
def device_asks(answer: Answer) -> None:
    """No wish of the device's for a ring goes unseen"""
    answer.explorer.expect_right("device_asks")


@grader.task(2)
def driver_asks(answer: Answer) -> None:
    """The driver never sleeps without the device knowing that it wants an interrupt"""
    answer.explorer.expect_right("driver_asks")


@grader.task(2)
def interrupt_stays(answer: Answer) -> None:
    """No interrupt that came is thrown away while the driver relies on it"""
    answer.explorer.expect_right("interrupt_stays")


@grader.task(2)
def too_many(answer: Answer) -> None:
    """lab_submit() submits no more than there is room for"""
    answer.explorer.expect_right("too_many")
