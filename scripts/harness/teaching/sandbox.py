# SPDX-License-Identifier: BSD-3-Clause
"""Runs a program that nobody trusts, such as a student's: in namespaces of its own where the system
has them for us, so that it sees no other process, and nothing of it is left when it is killed; with
bounds on the processes, the memory and the files that it may make; and as root never.
"""

import functools
import itertools
import os
import resource
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from bellwire.core.children import describe, die_with

PROCESSES = 64
MEMORY = 1 << 30  # bytes of address space of each process
WRITTEN = 16 << 20  # bytes of a file, and of all in /tmp
SECONDS = 20  # of CPU time of each process
GONE_LIMIT = 5.0  # seconds for what was killed to be gone
NOBODY = 65534
OWN_USERS = 1 << 30  # from here on: a user per sandbox, whom the system knows nothing of

# The shell stays as the namespace's first process, which signals don't end: the program has their
# usual effects.
_FOLDERS = f"""for folder in /tmp /dev/shm; do
    mount -t tmpfs -o size={WRITTEN} none $folder || exit 1
done
cd /tmp || exit 1
"$@"
exit $?
"""
_NAMESPACES = ("--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
               "sh", "-c", _FOLDERS, "sh")
_USER = "@USER@"  # stands for a user's number
_LIMITED = ("prlimit", f"--nproc={PROCESSES}")
_numbers = itertools.count()


def _as_user(user: object) -> tuple[str, ...]:
    return ("setpriv", f"--reuid={user}", f"--regid={NOBODY}", "--clear-groups", "--no-new-privs")


def prefix() -> tuple[str, ...]:
    """The words before a command that confine it. The limit of processes counts all of a user's, so
    each sandbox has a user of its own, or a user namespace."""
    user = OWN_USERS + (os.getpid() << 6) + next(_numbers) % 64
    return tuple(word.replace(_USER, str(user)) for word in _chosen())


@functools.cache
def _chosen() -> tuple[str, ...]:
    """The words that confine most, of those that work here."""
    if os.geteuid() == 0:
        choices = [(*namespaces, *_as_user(user), *_LIMITED)
                   for namespaces in (("unshare", *_NAMESPACES), ()) for user in (_USER, NOBODY)]
    else:
        choices = [("unshare", "--user", "--map-root-user", *_NAMESPACES, *_LIMITED)]
    return next((words for words in choices if _works(words)), ())


def _works(words: Sequence[str]) -> bool:
    words = [word.replace(_USER, str(OWN_USERS)) for word in words]
    try:
        return subprocess.run([*words, "true"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL).returncode == 0
    except OSError:
        return False


def _has_members(group: int) -> bool:
    """Whether a process of the group has not ended; one that nobody has waited for has."""
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has just gone
            state, _, its_group, *_ = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(its_group) == group and state not in "ZX":
                return True
    return False


class Confined:
    """A process in the sandbox. What it prints is in `log`; it inherits the descriptors `passed`."""

    def __init__(self, argv: Sequence[str], log: Path, passed: Sequence[int] = ()) -> None:
        prepare = die_with(os.getpid())

        def limited() -> None:
            prepare()
            for kind, most in ((resource.RLIMIT_AS, MEMORY), (resource.RLIMIT_FSIZE, WRITTEN),
                               (resource.RLIMIT_CPU, SECONDS)):
                resource.setrlimit(kind, (most, most))

        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [*prefix(), *argv], stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                pass_fds=passed, process_group=0, preexec_fn=limited, cwd="/")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def kill(self) -> None:
        """Ends it and all that it started, where it has a namespace; else its process group."""
        self.send(signal.SIGKILL)
        self._process.wait()
        deadline = time.monotonic() + GONE_LIMIT
        while _has_members(self._process.pid) and time.monotonic() < deadline:
            time.sleep(0.001)  # one that ends later still has its sockets

    def send(self, number: signal.Signals) -> None:
        """To all that it started, too. The sandbox's own processes pass over SIGTERM."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def end(self) -> str:
        """Why it ended, in words."""
        status = self.end_status()
        return _REASONS.get(status, describe(status))

    def end_status(self) -> int:
        """Waits for its end. Minus the signal that killed it."""
        status = self._process.wait()
        return 128 - status if status > 128 else status  # as a shell has it

    def cpu_ticks(self) -> int:
        """What it has computed so far, with all that it started."""
        return sum(_ticks(pid) for pid in self._family())

    def is_asleep(self) -> bool:
        """Whether each thread of its processes waits."""
        states = [_stat(task)[0] for pid in self._family() for task in _tasks(pid)]
        return set(states) <= {"S", "gone"}

    def _family(self) -> list[int]:
        found = [self._process.pid]
        for pid in found:
            with suppress(OSError):
                found += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
        return found


_REASONS = {
    -signal.SIGXFSZ: f"wrote more than {WRITTEN >> 20} MiB",
    -signal.SIGXCPU: f"computed for more than {SECONDS} s",
    -signal.SIGKILL: f"was killed by SIGKILL, or computed for more than {SECONDS} s",
}


def _tasks(pid: int) -> list[Path]:
    with suppress(OSError):
        return list(Path(f"/proc/{pid}/task").iterdir())
    return []


def _stat(place: Path) -> list[str]:
    """From its state on."""
    with suppress(OSError):
        return (place / "stat").read_text(errors="replace").rpartition(")")[2].split()
    return ["gone"]


def _ticks(pid: int) -> int:
    fields = _stat(Path(f"/proc/{pid}"))
    return int(fields[11]) + int(fields[12]) if len(fields) > 12 else 0
