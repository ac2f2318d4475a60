# SPDX-License-Identifier: BSD-3-Clause
"""Every place at which a sender can come in between a receiver's instructions, tried in turn.

The receiver is int FUNCTION(struct inbox *, int fd, uint32_t taken), where

    struct inbox { _Atomic uint32_t posted, wants_ring; };

and the sender, when it comes, adds 1 to `posted`, and rings fd if `wants_ring` is set. Nothing is
posted before, and `taken` is 0: so a receiver that works sleeps until the sender comes, and returns
1. What it must not do is to sleep when the sender has come.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bellwire.teaching.code import Code, compile_c, eventfd
from bellwire.teaching.grader import Wrong
from bellwire.teaching.sandbox import Confined

STEPPER = Path(__file__).with_name("stepper.c")
MOST = 1 << 22  # bytes of its report
# Its exit status, in words.
_TROUBLE = {4: "there is no function {}()",
            6: "{}() does not sleep while there is nothing to receive",
            7: "{}() returned, although there was nothing to receive"}


@dataclass(frozen=True)
class Place:
    steps: int  # instructions that it had made when the sender came
    end: str  # returned, asleep, computing, crashed
    value: int
    posted: int
    wants_ring: int
    rung: int

    def __str__(self) -> str:
        return (f"{self.end} (posted {self.posted}, wants_ring {self.wants_ring}, the eventfd "
                f"{'rung' if self.rung else 'not rung'})")


def places(code: Code, function: str) -> list[Place]:
    """What became of it at each. Wrong: it was never asleep, or is no such function."""
    stepper = code.built.with_name("stepper")
    if not stepper.exists():
        compile_c([STEPPER], stepper)
    with eventfd() as fd, _opened(stepper) as program, _opened(code.built) as library:
        report, theirs = os.pipe2(os.O_CLOEXEC)
        with open(report, "rb") as lines:
            try:
                process = Confined([program.path, library.path, function, str(fd), str(theirs)],
                                   code.new_log(), [fd, theirs, program.fd, library.fd])
            finally:
                os.close(theirs)
            with process:
                said = lines.read(MOST)
                trouble = process.end_status()
    if trouble in _TROUBLE:
        raise Wrong(_TROUBLE[trouble].format(function))
    if trouble:
        raise Wrong(f"{function}(), tried step by step: the process ended with {trouble}")
    return [Place(**json.loads(line)) for line in said.splitlines()]


@dataclass(frozen=True)
class _Opened:
    fd: int

    @property
    def path(self) -> str:
        return f"/proc/self/fd/{self.fd}"


@contextmanager
def _opened(path: Path) -> Iterator[_Opened]:
    """For a process that does not see the path."""
    file = os.open(path, os.O_RDONLY)
    try:
        yield _Opened(file)
    finally:
        os.close(file)
