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
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from bellwire.core.places import HarnessError
from bellwire.face import lab as face
from bellwire.image.overlay import Share
from bellwire.labs.lab import Lab
from bellwire.report import logs
from bellwire.teaching import code, hands as in_guest
from bellwire.teaching.grader import Wrong, words
from bellwire.teaching.hands import Hands, Lost

PATIENCE = 4  # a step gets this many times what the VM took to boot,
AT_LEAST, AT_MOST = 4.0, 60.0  # seconds, between these
DIED, WARNED, STALLED = 1 << 7, 1 << 9, 1 << 14  # of /proc/sys/kernel/tainted
EAGAIN = -11


@dataclass
class Machine:
    """What the guests of a lab have."""

    devices: Sequence[str] = ()
    transport: str = "ivshmem"


class Booted:
    """A guest that is booted when it is needed, with the grader's process in it. A context manager."""

    def __init__(self, work: Path, machine: Machine) -> None:
        self._work, self._machine = work, machine
        self._share = work / "share"
        self._boots = 0
        self._lab: Lab | None = None
        self._hands: Hands | None = None
        self._open = ExitStack()

    def __enter__(self) -> Self:
        self._share.mkdir()
        self._fill(self._share)
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def _fill(self, share: Path) -> None:
        """Puts there what the guest needs, among it `hands`."""
        code.compile_c([in_guest.SOURCE], share / "hands", "-static")

    def _make_lab(self) -> Lab:
        return face.lab(self._machine.devices, transport=self._machine.transport,
                        folder=self._folder)

    @property
    def _command(self) -> list[str]:
        return ["/share/hands"]

    def _serve(self, lab: Lab) -> None:
        lab.start()

    @property
    def lab(self) -> Lab:
        assert self._lab, "a guest runs"
        return self._lab

    @contextmanager
    def paused(self) -> Iterator[None]:
        """The devices' processes stand still meanwhile. A guest that reads a register waits."""
        for device in self.lab.devices:
            device.pause()
        try:
            yield
        finally:
            for device in self.lab.devices:
                device.resume()

    @property
    def _folder(self) -> Path:
        return self._work / f"guest-{self._boots}"

    def _running(self) -> Hands:
        if not self._hands:
            self._hands = self._boot(self._open)
        return self._hands

    def _boot(self, opening: ExitStack) -> Hands:
        self._boots += 1
        self._folder.mkdir()
        lab = self._lab = opening.enter_context(self._make_lab())
        peer, theirs = socket.socketpair()
        opening.enter_context(peer)
        opening.enter_context(theirs)
        vm = lab.vm(self._command, shares=[Share(self._share)], stdin=theirs)
        self._serve(lab)
        if death := vm.boot(watch=lab.check):
            raise HarnessError(death.reason)
        patience = PATIENCE * vm.boot_ms / 1000
        return Hands(vm, peer, min(max(AT_LEAST, patience), AT_MOST), lab.check)

    def _end(self) -> None:
        self._hands = None
        self._open.close()


class Guest(Booted):
    """One with a student's module."""

    def __init__(self, module: Path, work: Path, machine: Machine = Machine()) -> None:
        super().__init__(work, machine)
        self._module = module
        self._threads: set[str] = set()  # of the kernel, without the module

    def _fill(self, share: Path) -> None:
        super()._fill(share)
        shutil.copy(self._module, share)

    @property
    def name(self) -> str:
        """The module's."""
        return self._module.stem

    @contextmanager
    def loaded(self) -> Iterator[Hands]:
        """A process in a guest with the module, for a with statement. Wrong: the module can't be loaded,
        can't be unloaded afterwards, or made the kernel complain."""
        new = not self._hands
        hands = self._running()
        if new:
            self._threads = _lasting(hands)
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


def _lasting(hands: Hands) -> set[str]:
    """The kernel's threads that don't come and go by themselves."""
    names = {line.partition(" ")[0] for line in hands.threads("")}
    return {name for name in names if not name.startswith("kworker/")}
