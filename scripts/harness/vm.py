# SPDX-License-Identifier: BSD-3-Clause
"""One virtual machine: from its start, over the guest's words, to its end.

The guest's init says on the `status` port "ready UPTIME" when it is up, and
"exit STATUS" when the command has ended. A guest that died says nothing.
"""

import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from . import console, qemu
from .children import Child, describe
from .growing import Growing
from .places import HarnessError, last_line

BOOT_LIMIT = 90.0  # seconds; a boot takes 2, but 42 were seen on a host with five times its load
POLL = 0.005

TIMEOUT, HARNESS, DEAD = 124, 125, 255
HIGHEST = 123  # what a command's own status is cut to


@dataclass(frozen=True)
class Verdict:
    """How it ended: `status` is what boot-vm exits with, `reason` says why in one line."""

    status: int
    reason: str
    command_status: int | None = None


class Vm:
    """Its files are in `folder`, but for `initramfs`, which is big and goes when it's closed."""

    def __init__(self, machine: qemu.Machine, folder: Path, initramfs: Path,
                 wires: qemu.Wires | None = None, overlay: bytes = b"",
                 terminal: bool = False) -> None:
        self.machine = machine
        self.folder = folder
        self.boot_ms: int | None = None  # from QEMU's start to the guest's word
        self.boots = 0
        self.stdout = Growing(folder / "stdout")
        self.stderr = Growing(folder / "stderr")
        self.results = Growing(folder / qemu.PORTS["results"])
        self.console = folder / "console.log"
        self._terminal = terminal
        self.initramfs = initramfs
        self._overlay = overlay
        self._status_file = folder / "status"
        self._child: Child | None = None
        self.line = qemu.line(machine, folder, initramfs, wires, terminal)

    def start(self) -> None:
        """Returns when QEMU's wires are connected, long before the guest is up."""
        self._write_initramfs()
        self._status_file.unlink(missing_ok=True)
        self.boots += 1
        self._started = time.monotonic()
        self._child = Child(qemu.flat(self.line), self.folder / "qemu.log", self._terminal)
        self._until(self._status_file.exists, BOOT_LIMIT)

    def boot(self, limit: float | None = BOOT_LIMIT,
             watch: Callable[[], None] = lambda: None) -> Verdict | None:
        """Starts it and waits until the guest is ready: None. A verdict if it died instead.

        A guest that hangs gets a second chance: emulated ones do, once in a while.
        `watch` is called meanwhile, and may raise.
        """
        for _ in range(2):
            self.start()
            if self._until(lambda: watch() or self._ready(), limit):
                return None
            if self._ended():
                return self._death()
            self.kill()
            self.console.replace(self.folder / f"console-boot-{self.boots}.log")
            print(f"bellwire: the guest wasn't ready after {limit:g} s, boot {self.boots}; its "
                  f"console: {self.folder}/console-boot-{self.boots}.log", file=sys.stderr)
        raise HarnessError(f"the guest hung in {self.boots} boots; try --memory, --smp or another "
                           f"--kernel, or look at {self.folder}")

    def poll(self) -> Verdict | None:
        """How it ended, if it has."""
        ended = self._ended()  # asked first: the word may come with the end
        found = self._word("exit")
        if found is not None:
            return _verdict(int(found))
        return self._death() if ended else None

    def wait(self, limit: float | None = None, between: Callable[[], None] = lambda: None
             ) -> Verdict:
        """Waits for the command's end, `limit` seconds at most; calls `between` meanwhile."""
        deadline = time.monotonic() + limit if limit else None
        while (verdict := self.poll()) is None:
            between()
            if deadline and time.monotonic() > deadline:
                between()
                return Verdict(TIMEOUT, f"the command still ran after {limit:g} s")
            time.sleep(POLL)
        between()
        return verdict

    def kill(self) -> None:
        if self._child:
            self._child.kill()

    def close(self) -> None:
        """Ends QEMU, if it hasn't. What the guest wrote is on disk by then."""
        if self._child:
            self._child.stop()
        self.initramfs.unlink(missing_ok=True)

    def __enter__(self) -> "Vm":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _write_initramfs(self) -> None:
        with self.initramfs.open("wb") as file, self.machine.image.initramfs.open("rb") as base:
            shutil.copyfileobj(base, file)
            file.write(self._overlay)

    def _ready(self) -> bool:
        failure = self._word("failed")
        if failure is not None:
            raise HarnessError(f"the guest's init failed: {failure}; its console: {self.console}")
        if self._word("ready") is None:
            return False
        self.boot_ms = round((time.monotonic() - self._started) * 1000)
        return True

    def _ended(self) -> bool:
        return self._child is not None and self._child.status is not None

    def _until(self, happened: Callable[[], bool], limit: float | None) -> bool:
        deadline = time.monotonic() + limit if limit else None
        while not happened():
            if self._ended() or deadline and time.monotonic() > deadline:
                return happened()
            time.sleep(POLL)
        return True

    def _word(self, keyword: str) -> str | None:
        """What init said behind that keyword, in a whole line."""
        try:
            lines = self._status_file.read_text(errors="replace").split("\n")[:-1]
        except FileNotFoundError:
            return None
        found = (text.partition(" ") for text in lines)
        return next((rest for first, _, rest in found if first == keyword), None)

    def _death(self) -> Verdict:
        """QEMU ended and the guest hadn't said goodbye."""
        status = self._child.status if self._child else 0
        panic = console.panic(self.console)
        if panic:
            return Verdict(DEAD, f"the guest panicked: {panic}; its console: {self.console}")
        if status == 1:  # what QEMU says to options that it doesn't like
            said = last_line(self.folder / "qemu.log")
            raise HarnessError(f"QEMU refused: {said or 'no word why'}")
        return Verdict(DEAD, f"the guest died, QEMU {describe(status)}; its console: "
                             f"{self.console}")


def _verdict(status: int) -> Verdict:
    if status <= HIGHEST:
        return Verdict(status, f"the command ended with {status}", status)
    return Verdict(HIGHEST, f"the command ended with {status}, reported as {HIGHEST}", status)
