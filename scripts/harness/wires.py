# SPDX-License-Identifier: BSD-3-Clause
"""The host's side of the wires: the switchboard and the devices on it, as child processes."""

import time
from pathlib import Path
from typing import NoReturn

from .children import Child, describe
from .places import PROGRAM, HarnessError, last_line

START_LIMIT = 10.0


class Process:
    """A `bellwire` process that can be started, killed and started again; one log for all."""

    program = PROGRAM

    def __init__(self, what: str, log: Path, *arguments: str) -> None:
        self.what = what
        self.log = log
        self.argv = [str(self.program), *arguments]
        self._child: Child | None = None
        self._wanted = False

    def start(self) -> None:
        try:
            self._child = Child(self.argv, self.log)
        except OSError as error:
            raise HarnessError(f"{self.what} doesn't start: {error}; run scripts/build") from None
        self._wanted = True

    def kill(self) -> None:
        """As by SIGKILL, which it is."""
        self._wanted = False
        if self._child:
            self._child.kill()

    def stop(self) -> None:
        self._wanted = False
        if self._child:
            self._child.stop()

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child and self._child.status is None else None

    def check(self) -> None:
        """Raises if it ended without being asked to."""
        if self._wanted and self._child and self._child.status is not None:
            self.fail(self._child.status)

    def fail(self, status: int) -> NoReturn:
        """Raises, for it ended with that."""
        raise HarnessError(f"{self.what} {describe(status)}: "
                           f"{last_line(self.log) or 'it said nothing'}")


class Switchboard(Process):
    """`slots` times a memory and its wires, served on `socket`."""

    def __init__(self, folder: Path, socket: Path, slots: int, vectors: int,
                 memory: str | None = None) -> None:
        size = ["--memory", memory] if memory else []
        super().__init__("the switchboard", folder / "switchboard.log", "switchboard",
                         "--socket", str(socket), "--slots", str(slots), "--vectors", str(vectors),
                         *size)
        self.socket = socket

    def start(self) -> None:
        """Returns when it serves."""
        super().start()
        deadline = time.monotonic() + START_LIMIT
        while not self.socket.exists():
            self.check()
            if time.monotonic() > deadline:
                raise HarnessError(f"the switchboard doesn't serve {self.socket} after "
                                   f"{START_LIMIT:g} s; its log: {self.log}")
            time.sleep(0.002)


class Device(Process):
    """The device `name` on one slot of a switchboard."""

    def __init__(self, folder: Path, name: str, socket: Path, slot: int) -> None:
        super().__init__(f"device {slot} ({name})", folder / f"device-{slot}.log", "device", name,
                         "--on", f"ivshmem:{socket},slot={slot}")
        self.name = name
        self.slot = slot
