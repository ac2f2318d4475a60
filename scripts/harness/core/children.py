# SPDX-License-Identifier: BSD-3-Clause
"""Child processes that never outlive us, not even if we are killed.

The kernel kills them when the thread that started them ends, so start them from
the main thread.
"""

import ctypes
import errno
import os
import resource
import select
import signal
import subprocess
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Protocol

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


class Process(Protocol):
    """What Child needs of a Popen."""

    @property
    def pid(self) -> int: ...

    @property
    def returncode(self) -> int | None: ...

    def poll(self) -> int | None: ...

    def wait(self) -> int: ...

    def send_signal(self, number: int) -> None: ...


class Child:
    """A process with its output in a log file, in a process group of its own so that
    Ctrl-C reaches us alone; or, in the `foreground`, on our terminal. It inherits
    the file descriptors in `inherited`."""

    def __init__(self, argv: Sequence[str], log: Path, foreground: bool = False,
                 inherited: Sequence[int] = ()) -> None:
        self.log = log
        self._foreground = foreground
        with log.open("ab") as file:
            self._process: Process = subprocess.Popen(
                bound(argv),
                stdin=None if foreground else subprocess.DEVNULL,
                stdout=None if foreground else file,
                stderr=file,
                pass_fds=inherited,
                process_group=None if foreground else 0,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def status(self) -> int | None:
        """None while it runs; then its exit status, or minus the signal that killed it."""
        return self._process.poll()

    def kill(self) -> None:
        self._signal(signal.SIGKILL)
        self._process.wait()

    def stop(self, grace: float = 2.0) -> int:
        """Asks it to end, kills it after `grace` seconds; returns its status."""
        self._signal(signal.SIGTERM)
        self._signal(signal.SIGCONT)  # one that is stopped takes no other signal
        return self.wait(grace)

    def ends_within(self, limit: float) -> bool:
        """Waits `limit` seconds at most; is woken at once, unlike subprocess's wait."""
        if self._process.poll() is None:
            process = os.pidfd_open(self._process.pid)
            try:
                poller = select.poll()
                poller.register(process, select.POLLIN)
                poller.poll(1000 * limit)
            finally:
                os.close(process)
        return self._process.poll() is not None

    def wait(self, limit: float) -> int:
        """Waits `limit` seconds at most, then kills it; returns its status."""
        if not self.ends_within(limit):
            self.kill()
        return self._process.wait()

    def _signal(self, number: int) -> None:
        """Sends it to the children, too, if the process has a group of its own."""
        if self._process.returncode is not None:
            return
        if self._foreground:
            self._process.send_signal(number)
        else:
            os.killpg(self._process.pid, number)


def run(*argv: str | Path, log: Path | None = None, limit: float | None = None, **how: Any
        ) -> subprocess.CompletedProcess[str]:
    """Runs a tool to its end, with its output in `log` or in the result. If we end early, the tool
    and everything it started ends, too."""
    with ExitStack() as files:
        output = files.enter_context(log.open("wb")) if log else subprocess.PIPE
        errors = subprocess.STDOUT if log else subprocess.PIPE
        done = _run(argv, limit, stdout=output, stderr=errors, **how)
    return done


def run_aloud(*argv: str | Path) -> int:
    """Runs a tool likewise, with its output on ours; returns its status."""
    return _run(argv).returncode


def _run(argv: Sequence[str | Path], limit: float | None = None, **how: Any
         ) -> subprocess.CompletedProcess[str]:
    with subprocess.Popen(bound(argv, how.get("cwd") or ""), stdin=subprocess.DEVNULL, text=True, errors="replace",
                          process_group=0, **how) as tool:
        try:
            out, err = tool.communicate(timeout=limit)
        except BaseException:
            _end_group(tool)
            raise
    return subprocess.CompletedProcess(argv, tool.returncode, out or "", err or "")


def _end_group(leader: subprocess.Popen[bytes], grace: float = 5.0) -> None:
    with suppress(ProcessLookupError):
        os.killpg(leader.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            leader.wait(grace)
        os.killpg(leader.pid, signal.SIGKILL)


# What die_with() does. The shell looks whether we live once the kernel knows what to do if not.
_BOUND = ("setpriv", "--pdeathsig", "KILL", "--", "/bin/sh", "-c",
          'trap "" TTOU; ulimit -c 0; [ "$PPID" = "$0" ] || exit 1; exec "$@"')


def bound(argv: Sequence[str | Path], folder: str | Path = "") -> list[str | Path]:
    """Arguments that start the program in that folder such that it ends with us. Two programs are
    started before it, since that takes less time than to fork a Python that runs some lines before it
    becomes another. OSError: there is no such program."""
    name = os.fspath(argv[0])
    places = [os.fspath(folder)] if os.sep in name else os.get_exec_path()
    found = [path for place in places if os.path.exists(path := os.path.join(place, name))]
    if not any(os.access(path, os.X_OK) for path in found):
        trouble = errno.EACCES if found else errno.ENOENT
        raise OSError(trouble, os.strerror(trouble), name)
    return [*_BOUND, str(os.getpid()), *argv]


def die_with(parent: int) -> Callable[[], None]:
    """What a child does first, before it becomes another program."""

    def prepare() -> None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)  # it died before we asked
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)  # it may write to a terminal that has tostop

    return prepare


def is_stopped(pid: int) -> bool:
    """Whether it is stopped, as by SIGSTOP."""
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] == b"T"
    except OSError:
        return False


def describe(status: int) -> str:
    """A status in words, such as "ended with 1" or "was killed by SIGSEGV"."""
    if status >= 0:
        return f"ended with {status}"
    return f"was killed by {signal.Signals(-status).name}"
