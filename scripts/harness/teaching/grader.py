# SPDX-License-Identifier: BSD-3-Clause
"""What a lab's grade.py is made of: tasks with points, and reasons why they are lost."""

import errno
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from bellwire.core import messages

Answer = TypeVar("Answer")


class Wrong(Exception):
    """The student's answer is wrong; says what was expected and what was seen."""


class NotBuilt(Exception):
    """There is nothing that could be tried; says why."""


def expect(seen: object, expected: object, what: str, beside: str = "") -> None:
    """`beside`: what else was seen that helps to understand it."""
    if seen != expected:
        raise Wrong(f"{what}: expected {words(expected)}, seen {words(seen)}"
                    f"{f'; {beside}' if beside else ''}")


def words(value: object) -> str:
    """A negative errno with its name: "-38 (-ENOSYS)"."""
    if isinstance(value, tuple):
        return " and ".join(map(words, value))
    if isinstance(value, int) and -value in errno.errorcode and value < -1:
        return f"{value} (-{errno.errorcode[-value]})"
    return str(value)


@dataclass(frozen=True)
class Task(Generic[Answer]):
    points: int
    run: Callable[[Answer], None]

    @property
    def name(self) -> str:
        return self.run.__name__

    @property
    def title(self) -> str:
        return (self.run.__doc__ or self.name).strip()


@dataclass(frozen=True)
class Outcome:
    name: str
    title: str
    of: int
    points: int
    reason: str = ""  # why there are fewer points
    seconds: float = 0.0


@dataclass(frozen=True)
class Grade:
    outcomes: list[Outcome]
    not_built: str = ""  # why nothing could be tried

    @property
    def points(self) -> int:
        return sum(each.points for each in self.outcomes)

    @property
    def of(self) -> int:
        return sum(each.of for each in self.outcomes)


@dataclass
class Grader(Generic[Answer]):
    """`build` makes of the student's folder what the tasks try, in another folder. If that is a context
    manager, it is entered before the first task and left after the last."""

    build: Callable[[Path, Path], Answer]
    tasks: list[Task[Answer]] = field(default_factory=list)

    def task(self, points: int) -> Callable[[Callable[[Answer], None]], Callable[[Answer], None]]:
        def add(run: Callable[[Answer], None]) -> Callable[[Answer], None]:
            self.tasks.append(Task(points, run))
            return run

        return add

    def grade(self, folder: Path) -> Grade:
        with ExitStack() as opened:
            work = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="bellwire-lab-")))
            try:
                answer = self.build(folder, work)
            except NotBuilt as reason:
                return Grade([Outcome(task.name, task.title, task.points, 0, str(reason))
                              for task in self.tasks], str(reason))
            if isinstance(answer, AbstractContextManager):
                opened.enter_context(answer)
            grade = Grade([_try(task, answer) for task in self.tasks])
        return grade


def _try(task: Task[Answer], answer: Answer) -> Outcome:
    began = time.monotonic()
    try:
        with messages.waiting(f"'{task.title}' to be tried"):
            task.run(answer)
        points, reason = task.points, ""
    except Wrong as wrong:
        points, reason = 0, str(wrong)
    return Outcome(task.name, task.title, task.points, points, reason, time.monotonic() - began)
