# SPDX-License-Identifier: BSD-3-Clause
"""A student's kernel module, tried in a VM by a process of the grader's (hands.c).

    def build(folder: Path, work: Path) -> Guest:
        return Guest(module.build(folder, ["answer.c", "answer.h"], work), work)

    @grader.task(1)
    def adds(guest: Guest) -> None:
        "the ioctl LAB_ADD adds to the eventfd"
        with guest.loaded() as hands:                # the module is in the kernel
            file, fd, n = hands.open("/dev/lab"), hands.eventfd(), random.randrange(1 << 20)
            expect(hands.ioctl(file, LAB_SET, fd), 0, "LAB_SET with an eventfd")
            ...
            expect(hands.count(fd), n, "the count")

The process reports by a port of its own: what the module prints goes to the kernel's log, which
nobody takes for a result. One VM serves all tasks. A module that panics, hangs, makes the kernel warn or
can't be unloaded costs the task its points, with that reason, and the next one gets a new VM. What may
take how long depends on the time of the VM's boot.
"""

import shutil
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from bellwire.core.growing import Growing
from bellwire.core.pauses import Pauses
from bellwire.core.places import HarnessError
from bellwire.face import lab as face
from bellwire.image.overlay import Share
from bellwire.labs.lab import Lab
from bellwire.report import logs
from bellwire.teaching import code
from bellwire.teaching.grader import Wrong, words
from bellwire.vms.vm import Vm

HANDS = Path(__file__).with_name("hands.c")
PATIENCE = 4  # a step gets this many times what the VM took to boot,
AT_LEAST, AT_MOST = 4.0, 60.0  # seconds, between these
LOG = 1 << 20  # bytes that a kernel may write to its console
DIED, WARNED, STALLED = 1 << 7, 1 << 9, 1 << 14  # of /proc/sys/kernel/tainted
QUIET = 100  # ms in which a thread that sleeps is never woken
EAGAIN = -11


class Lost(Wrong):
    """The guest is of no more use."""


class Hands:
    """A process in the guest. What it is asked for and what comes back is as of the system calls: minus
    errno, if that failed."""

    def __init__(self, vm: Vm, peer: socket.socket, limit: float, watch: Callable[[], None]) -> None:
        self._vm, self._peer, self.limit, self._watch = vm, peer, limit, watch
        self._said = b""
        self._answers = Growing(vm.stdout.path)

    def ask(self, *said: object, more: float = 0.0) -> tuple[int, bytes]:
        """What comes back, and the bytes with it. Lost: nothing does. `more`: seconds that it takes of
        itself."""
        with suppress(OSError):  # a guest that died is found below
            self._peer.sendall((" ".join(map(str, said)) + "\n").encode())
        pauses = Pauses(self.limit + more)
        while not self._answered(said):
            if pauses.over():
                raise Lost(self._hung(said))
            pauses.sleep()
        line, _, self._said = self._said.partition(b"\n")
        value, _, data = line.decode().partition(" ")
        return int(value), bytes.fromhex(data)

    def open(self, path: str) -> int:
        return self.ask("open", path)[0]

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
        self._watch()
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


@dataclass
class Machine:
    """What the guests of a lab have."""

    devices: Sequence[str] = ()
    transport: str = "ivshmem"


class Guest:
    def __init__(self, module: Path, work: Path, machine: Machine = Machine()) -> None:
        self._module, self._work, self._machine = module, work, machine
        self._share = work / "share"
        self._boots = 0
        self._lab: Lab | None = None
        self._hands: Hands | None = None
        self._threads: set[str] = set()  # of the kernel, without the module
        self._open = ExitStack()

    def __enter__(self) -> Self:
        self._share.mkdir()
        shutil.copy(self._module, self._share)
        code.compile_c([HANDS], self._share / "hands", "-static")
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    @property
    def name(self) -> str:
        """The module's."""
        return self._module.stem

    @contextmanager
    def loaded(self) -> Iterator[Hands]:
        """A process in a guest with the module, for a with statement. Wrong: the module can't be loaded,
        can't be unloaded afterwards, or made the kernel complain."""
        hands = self._running()
        try:
            if error := hands.ask("load", f"/share/{self._module.name}")[0]:
                raise Wrong(f"insmod {self._module.name} failed with {words(error)}")
            yield hands
            self._clean(hands)
        except Lost:
            self._end()
            raise
        except Wrong as wrong:
            self._restore(hands, wrong)
            raise
        except BaseException:
            self._end()
            raise

    def _restore(self, hands: Hands, wrong: Wrong) -> None:
        """Makes the guest fit for the next task, or ends it."""
        try:
            self._clean(hands)
            if left := _lasting(hands) - self._threads:
                raise Wrong(f"threads of the module are left: {', '.join(sorted(left))}")
        except Wrong as trouble:
            self._end()
            raise Wrong(f"{wrong}; and {trouble}") from None

    @contextmanager
    def paused(self) -> Iterator[None]:
        """The devices' processes stand still meanwhile. A guest that reads a register waits."""
        assert self._lab
        for device in self._lab.devices:
            device.pause()
        try:
            yield
        finally:
            for device in self._lab.devices:
                device.resume()

    def unload(self, hands: Hands) -> int:
        return hands.ask("unload", self.name)[0]

    def _clean(self, hands: Hands) -> None:
        """What a task leaves behind. A kernel closes some files a moment later."""
        hands.must("closeall")
        if hands.file(f"/sys/module/{self.name}/refcnt"):
            hands.until(lambda: self.unload(hands) != EAGAIN)
        if hands.file(f"/sys/module/{self.name}/refcnt"):
            raise Lost("rmmod: the module is still in use, although its files are closed")
        if int(hands.file("/proc/sys/kernel/tainted")) & (DIED | WARNED | STALLED):
            said = logs.complaints(self._folder / "console.log")
            raise Lost(f"the kernel complained: {said[0] if said else 'see its log'}")

    @property
    def _folder(self) -> Path:
        return self._work / f"guest-{self._boots}"

    def _running(self) -> Hands:
        if not self._hands:
            self._hands = self._boot(self._open)
            self._threads = _lasting(self._hands)
        return self._hands

    def _boot(self, opening: ExitStack) -> Hands:
        self._boots += 1
        self._folder.mkdir()
        lab = self._lab = opening.enter_context(face.lab(
            self._machine.devices, transport=self._machine.transport, folder=self._folder))
        peer, theirs = socket.socketpair()
        opening.enter_context(peer)
        opening.enter_context(theirs)
        vm = lab.vm(["/share/hands"], shares=[Share(self._share)], stdin=theirs)
        lab.start()
        if death := vm.boot(watch=lab.check):
            raise HarnessError(death.reason)
        patience = PATIENCE * vm.boot_ms / 1000
        return Hands(vm, peer, min(max(AT_LEAST, patience), AT_MOST), lab.check)

    def _end(self) -> None:
        self._hands = None
        self._open.close()


def _lasting(hands: Hands) -> set[str]:
    """The kernel's threads that don't come and go by themselves."""
    names = {line.partition(" ")[0] for line in hands.threads("")}
    return {name for name in names if not name.startswith("kworker/")}
