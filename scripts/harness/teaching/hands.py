# SPDX-License-Identifier: BSD-3-Clause
"""The grader's process in a guest (hands.c), which does what a task asks it for, and reports by a port of
its own."""

import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from bellwire.core.growing import Growing
from bellwire.core.pauses import Pauses
from bellwire.teaching.grader import Wrong, words
from bellwire.vms.vm import Vm

SOURCE = Path(__file__).with_name("hands.c")
LOG = 1 << 20  # bytes that a kernel may write to its console
QUIET = 100  # ms in which a thread that sleeps is never woken


class Lost(Wrong):
    """The guest is of no more use."""


class Hands:
    """A process in the guest. What it is asked for and what comes back is as of the system calls: minus
    errno, if that failed."""

    def __init__(self, vm: Vm, peer: socket.socket, limit: float, watch: Callable[[], None]) -> None:
        self._vm, self._peer, self.limit = vm, peer, limit
        self.watch = watch  # is called while an answer is waited for, and may raise
        self.idle = True  # whether it has answered everything
        self._said = b""
        self._answers = Growing(vm.stdout.path)

    def ask(self, *said: object, more: float = 0.0) -> tuple[int, bytes]:
        """What comes back, and the bytes with it. Lost: nothing does. `more`: seconds that it takes of
        itself."""
        with suppress(OSError):  # a guest that died is found below
            self._peer.sendall((" ".join(map(str, said)) + "\n").encode())
        self.idle = False
        pauses = Pauses(self.limit + more)
        while not self._answered(said):
            if pauses.over():
                raise Lost(self._hung(said))
            pauses.sleep()
        self.idle = True
        line, _, self._said = self._said.partition(b"\n")
        value, _, data = line.decode().partition(" ")
        return int(value), bytes.fromhex(data)

    def open(self, path: str) -> int:
        return self.ask("open", path)[0]

    def opened(self, path: str) -> int:
        """Opens it. Wrong: it can't be."""
        file = self.open(path)
        if file < 0:
            raise Wrong(f"{path} can't be opened: {words(file)}")
        return file

    def close(self, fd: int) -> None:
        self.must("close", fd)

    def eventfd(self, count: int = 0, flags: int = 0) -> int:
        return self.must("eventfd", count, flags)

    def ioctl(self, fd: int, command: int, argument: int = 0) -> int:
        return self.ask("ioctl", fd, command, argument)[0]

    def ioctl_of(self, fd: int, command: int, data: bytes) -> tuple[int, bytes]:
        """With a pointer to these bytes, which the module may change."""
        return self.ask("ioctlp", fd, command, data.hex())

    def write(self, fd: int, data: bytes) -> int:
        return self.ask("write", fd, data.hex())[0]

    def ring(self, fd: int, count: int = 1) -> None:
        self.must("write", fd, count.to_bytes(8, "little").hex())

    def take(self, fd: int) -> int:
        """The count of an eventfd; 0, if it has none and is nonblocking."""
        value, data = self.ask("read", fd, 8)
        return int.from_bytes(data, "little") if value == 8 else 0

    def awaits(self, fd: int, seconds: float = 0.0) -> bool:
        """Whether it can be read within that time; by default, within what a step gets."""
        wait = seconds or self.limit
        return self.ask("poll", fd, 1, round(wait * 1000), more=wait)[0] & 1 == 1

    def sleep(self, ms: int) -> None:
        self.ask("sleep", ms, more=ms / 1000)

    def file(self, path: str) -> str:
        """What is in it; "" if it is not there."""
        return self.ask("get", path)[1].decode(errors="replace")

    def put(self, path: str, text: str) -> int:
        return self.ask("put", path, text.encode().hex())[0]

    def listed(self, folder: str) -> list[str]:
        """The names in it."""
        return self.ask("list", folder)[1].decode(errors="replace").splitlines()

    def peek(self, path: str, offset: int) -> int:
        """32 bits of a device's memory, by its file resourceN."""
        return self.must("peek", path, offset)

    def count(self, fd: int) -> int:
        """What an eventfd holds; this takes nothing."""
        return int(self._fdinfo(fd)["eventfd-count"], 16)

    def identity(self, fd: int) -> int:
        """The number of an eventfd. A new one gets the lowest that no eventfd has: so one that is still
        referred to is known by the number that is not given again."""
        return int(self._fdinfo(fd)["eventfd-id"])

    def is_free(self, identity: int) -> bool:
        """Whether nobody refers to the eventfd that had this number, which is closed."""
        made = [self.eventfd()]
        while (found := self.identity(made[-1])) < identity:
            made.append(self.eventfd())
        for fd in made:
            self.close(fd)
        return found == identity

    def _fdinfo(self, fd: int) -> dict[str, str]:
        text = self.file(f"/proc/self/fdinfo/{fd}")
        pairs = [line.partition(":") for line in text.splitlines()]
        return {key: value.strip() for key, _, value in pairs}

    def until(self, happened: Callable[[], bool]) -> bool:
        """Whether it does, within what a step gets."""
        pauses = Pauses(self.limit)
        while not happened():
            if pauses.over():
                return False
            pauses.sleep()
        return True

    def threads(self, prefix: str) -> list[str]:
        """The kernel's threads of such names: "NAME STATE SWITCHES"."""
        return self.ask("threads", prefix)[1].decode(errors="replace").splitlines()

    def is_quiet(self, prefix: str) -> bool:
        """Whether the threads of such names sleep, and go on sleeping."""

        def slept() -> bool:
            before = self.threads(prefix)
            self.sleep(QUIET)
            return before == self.threads(prefix) and not any(" R " in each for each in before)

        return self.until(slept)

    def must(self, *said: object) -> int:
        value = self.ask(*said)[0]
        if value < 0:
            raise Wrong(f"{said[0]} {said[1] if len(said) > 1 else ''} failed with {words(value)}")
        return value

    def _answered(self, said: Sequence[object]) -> bool:
        self.watch()
        verdict = self._vm.poll()  # asked first: both may come at once
        self._said += self._answers.read()
        if b"\n" in self._said:
            return True
        if verdict:
            raise Lost(f"{verdict.reason.partition('; its console')[0]}, {_when(said)}")
        if self._vm.console.exists() and self._vm.console.stat().st_size > LOG:
            raise Lost(f"the module wrote more than {LOG >> 20} MiB to the kernel's log")
        return False

    def _hung(self, said: Sequence[object]) -> str:
        """Says what it is at. This ends the guest."""
        self._vm.end_with_stacks()
        found = self._vm.post_mortem
        stacks = [*found.cpus, *found.tasks] if found else []
        ours = next((line for line in stacks if "hands" in line), "")
        return (f"the guest did not answer for {self.limit:.1f} s, {_when(said)}"
                f"{'; its process is in ' * bool(ours)}{ours.partition(': ')[2]}")


def _when(said: Sequence[object]) -> str:
    """Which step of the grader's it was."""
    texts = [str(word) if len(str(word)) < 40 else "…" for word in said]
    return f"at the step '{' '.join(texts)}' of the grader's process"
