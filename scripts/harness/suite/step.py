# SPDX-License-Identifier: BSD-3-Clause
"""A step of a level: it runs something and returns its cases, or says why it can't."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bellwire.core.places import BUILD, ROOT
from bellwire.report.results import Case

LOGS = BUILD / "test"
SHOWN = 40  # lines of a failed command's log
LIMIT = 1800.0  # seconds for a step: a bound, not a goal
GRACE = 10.0  # seconds for a command to end when it is asked to
POLL = 0.02


class Failed(Exception):
    """The step fails as a whole; says why."""


class Skipped(Exception):
    """What it needs is missing; says what, in one line."""


@dataclass(frozen=True)
class Step:
    name: str
    run: Callable[[], Sequence[Case]]  # no case at all is a failure
    needs: tuple[str, ...] = ()  # the presets that must have been built
    limit: float = LIMIT  # seconds; a step that takes longer is killed, and has failed


def command(log: str, *argv: str | Path, limit: float = 900, cwd: Path = ROOT,
            environment: Mapping[str, str] | None = None,
            shown: Callable[[str], bool] = lambda line: True) -> str:
    """Runs it and returns what it printed, which also is in the log of that name. Nothing of its
    process group is left when it returns. A program that isn't there is a failure: what the tests
    need is installed before them. A failure's text has the last of the lines that are `shown`."""
    LOGS.mkdir(parents=True, exist_ok=True)
    path = LOGS / f"{log}.log"
    path.unlink(missing_ok=True)  # a step beside this one may write one of the same name
    with path.open("w+", errors="replace") as file:
        try:
            process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=file, cwd=cwd,
                                       stderr=subprocess.STDOUT, process_group=0,
                                       env=os.environ | dict(environment or {}))
        except OSError as error:
            raise Failed(f"{log}: cannot run {argv[0]}: {error.strerror}; run scripts/setup, or "
                         "scripts/build if it is ours") from None
        try:
            in_time = _ended(process, limit)
        finally:
            status = _end_group(process)
        file.seek(0)
        said = file.read()
    trouble = f"still ran after {limit:g} s" if not in_time else f"exit status {status}"
    if not in_time or status != 0:
        raise Failed(f"{_last(said, shown)}\n{log}: {trouble}; log: {path}")
    return said


def _ended(process: subprocess.Popen[bytes], limit: float) -> bool:
    """Whether it ends in time. It stays a zombie, so that its group keeps its number."""
    deadline = time.monotonic() + limit
    while os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL)
    return True


def _end_group(process: subprocess.Popen[bytes]) -> int:
    """Asks whatever is left of it to end, then kills it; returns the first process's status."""
    os.killpg(process.pid, signal.SIGTERM)
    _ended(process, GRACE)
    os.killpg(process.pid, signal.SIGKILL)
    return process.wait()


def tracked(*patterns: str) -> list[Path]:
    """The files of the project whose names match."""
    said = command("git", "git", "ls-files", "-z", "--", *patterns)
    found = [path for name in said.split("\0") if name and (path := ROOT / name).is_file()]
    if not found:
        raise Failed(f"git knows no file like {' or '.join(patterns)}: is this a clone?")
    return found


def end(path: Path) -> str:
    """Its last lines."""
    return _last(path.read_text(errors="replace"))


def _last(text: str, shown: Callable[[str], bool] = lambda line: True) -> str:
    return "\n".join([line for line in text.splitlines() if shown(line)][-SHOWN:])
