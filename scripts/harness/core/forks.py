# SPDX-License-Identifier: BSD-3-Clause
"""Child processes that are copies of this one: what it has imported, they have at once.

They end when we end, as those of children.py do.
"""

import os
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from bellwire.core.children import Child, die_with


class Fork(Child):
    """Calls `work`, and ends with the status that this returns. We must have one thread then."""

    def __init__(self, work: Callable[[], int], log: Path) -> None:
        self.log = log
        self._foreground = False
        parent = os.getpid()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            with log.open("ab") as file:
                pid = os.fork()
                if pid == 0:
                    _be_child(work, file.fileno(), parent, before)
            os.setpgid(pid, pid)  # as the child does: neither waits for the other
            self._process = _Forked(pid)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Forked:
    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.returncode = os.waitstatus_to_exitcode(status) if pid else None
        return self.returncode

    def wait(self) -> int:
        if self.returncode is None:
            self.returncode = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)


def _be_child(work: Callable[[], int], log: int, parent: int, signals: set[int]) -> NoReturn:
    """Whatever happens, the caller's frames don't go on here."""
    status = 1
    try:
        status = _run(work, log, parent, signals)
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        with suppress(OSError, ValueError):
            sys.stdout.flush()
        os._exit(status)


def _run(work: Callable[[], int], log: int, parent: int, signals: set[int]) -> int:
    """Handlers of signals may raise, so signals are blocked before and after."""
    os.setpgid(0, 0)
    die_with(parent)()
    _redirect(log)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, signals)
    try:
        return work()
    finally:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())


def _redirect(log: int) -> None:
    """No stdin; stdout and stderr to the log, whatever stood for them before."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for name, fd in (("stdout", 1), ("stderr", 2)):
        os.dup2(log, fd)
        stream = open(fd, "w", 1, "utf-8", "backslashreplace", closefd=False)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
