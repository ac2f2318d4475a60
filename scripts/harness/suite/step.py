# SPDX-License-Identifier: BSD-3-Clause
"""A step of a level: it runs something and returns its cases, or says why it can't."""

import os
import signal
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..places import BUILD, ROOT
from .results import Case

LOGS = BUILD / "test"
SHOWN = 40  # lines of a log that ends badly


class Failed(Exception):
    """The step fails as a whole; says why."""


class Skipped(Exception):
    """What it needs is missing; says what, in one line."""


@dataclass(frozen=True)
class Step:
    name: str
    run: Callable[[], Sequence[Case]]  # no case at all is a failure
    alone: bool = False  # it keeps all CPUs busy: never beside another


def command(log: str, *argv: str | Path, limit: float = 900, cwd: Path = ROOT,
            **environment: str) -> str:
    """Runs it and returns what it printed, which also is in the log of that name."""
    LOGS.mkdir(parents=True, exist_ok=True)
    path = LOGS / f"{log}.log"
    with path.open("w") as file:
        try:
            process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=file, cwd=cwd,
                                       stderr=subprocess.STDOUT, env=os.environ | environment,
                                       process_group=0)
        except FileNotFoundError:
            raise Skipped(f"no {argv[0]}: run scripts/setup") from None
        try:
            status = process.wait(limit)
        except subprocess.TimeoutExpired:
            raise Failed(f"{end(path)}\n{log}: still ran after {limit:g} s; log: {path}") from None
        finally:
            _end_all(process)
    if status != 0:
        raise Failed(f"{end(path)}\n{log}: exit status {status}; log: {path}")
    return path.read_text(errors="replace")


def _end_all(process: subprocess.Popen) -> None:
    """A build is a tree of processes: all of its group, if it was left early."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def tracked(*patterns: str) -> list[Path]:
    """The files of the project whose names match."""
    said = command("git", "git", "ls-files", "-z", "--", *patterns)
    return [path for name in said.split("\0") if name and (path := ROOT / name).is_file()]


def end(path: Path) -> str:
    """Its last lines."""
    return "\n".join(path.read_text(errors="replace").splitlines()[-SHOWN:])
