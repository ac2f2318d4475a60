# SPDX-License-Identifier: BSD-3-Clause
"""A step of a level: it runs something and returns its cases, or says why it can't."""

import os
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


def command(log: str, *argv: str | Path, limit: float = 900, cwd: Path = ROOT,
            **environment: str) -> str:
    """Runs it and returns what it printed, which also is in the log of that name."""
    LOGS.mkdir(parents=True, exist_ok=True)
    path = LOGS / f"{log}.log"
    with path.open("w") as file:
        try:
            status = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=file, cwd=cwd,
                                    stderr=subprocess.STDOUT, timeout=limit,
                                    env=os.environ | environment).returncode
        except subprocess.TimeoutExpired:
            raise Failed(f"{end(path)}\n{log}: still ran after {limit:g} s; log: {path}") from None
        except FileNotFoundError:
            raise Skipped(f"no {argv[0]}: run scripts/setup") from None
    if status != 0:
        raise Failed(f"{end(path)}\n{log}: exit status {status}; log: {path}")
    return path.read_text(errors="replace")


def tracked(*patterns: str) -> list[Path]:
    """The files of the project whose names match."""
    said = command("git", "git", "ls-files", "-z", "--", *patterns)
    return [path for name in said.split("\0") if name and (path := ROOT / name).is_file()]


def end(path: Path) -> str:
    """Its last lines."""
    return "\n".join(path.read_text(errors="replace").splitlines()[-SHOWN:])
