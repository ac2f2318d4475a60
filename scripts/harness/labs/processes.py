# SPDX-License-Identifier: BSD-3-Clause
"""The host's side of a lab: switchboard, devices and recorder as child processes."""

import json
import os
import re
import signal
import socket
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from bellwire.core import messages
from bellwire.core.children import Child, describe, is_stopped
from bellwire.core.growing import Growing
from bellwire.core.places import PROGRAM, HarnessError
from bellwire.report.logs import last_line

START_LIMIT = 10.0  # seconds
ANSWER_LIMIT = 1.0
SAID = "bellwire: "  # before what our program says
_NOT_REACHED = re.compile(SAID + r"nothing was \w+: only ")  # vdev/faults/tally.cpp
END_LIMIT = 60.0  # to join the records, and to write them


class Process:
    """A `bellwire` process that can be started, killed and started again, with one log for all."""

    program = PROGRAM
    socket: Path | None = None  # that it serves to QEMU,
    control: Path | None = None  # and to `bellwire top` and `trace record`

    def __init__(self, what: str, log: Path, *arguments: str) -> None:
        self.what = what
        self.log = log
        self.bounded = Growing(log)
        self.argv = [str(self.program), *arguments]
        self._child: Child | None = None
        self._wanted = False
        self._stopped: int | None = None

    def start(self) -> None:
        """Starts it; returns when it serves its sockets."""
        paths = [path for path in (self.socket, self.control) if path]
        for path in paths:
            path.unlink(missing_ok=True)  # left by a process that was killed
        try:
            self._child = Child(self.argv, self.log)
        except OSError as error:
            raise HarnessError(f"{self.what} doesn't start: {error}; run scripts/build") from None
        self._wanted = True
        self._stopped = None
        for path in paths:
            self._await(path)

    def kill(self) -> None:
        """Kills it by SIGKILL."""
        self._wanted = False
        if self._child:
            self._child.kill()

    def pause(self) -> None:
        """Stops it by SIGSTOP, until resume() or kill()."""
        if self._child:
            os.kill(self._child.pid, signal.SIGSTOP)

    def resume(self) -> None:
        if self._child:
            os.kill(self._child.pid, signal.SIGCONT)

    def stop(self) -> None:
        self._wanted = False
        self._stopped = self.stopped
        if self._child:
            self._child.stop()

    @property
    def status(self) -> int | None:
        """How it ended, or None while it runs; likewise if it was never started here."""
        return self._child.status if self._child else None

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child and self._child.status is None else None

    @property
    def stopped(self) -> int | None:
        """Its pid if it is stopped, as by SIGSTOP, or was when stop() ended it."""
        pid = self.pid
        return self._stopped or (pid if pid and is_stopped(pid) else None)

    def check(self) -> None:
        """Raises if it has ended by itself."""
        if self._wanted and self._child and self._child.status is not None:
            self.fail(self._child.status)

    def _await(self, path: Path) -> None:
        deadline = time.monotonic() + START_LIMIT
        while not path.exists():
            self.check()
            if time.monotonic() > deadline:
                raise HarnessError(f"{self.what} doesn't serve {path} after {START_LIMIT:g} s; "
                                   f"its log: {self.log}")
            time.sleep(0.002)

    def fail(self, status: int) -> NoReturn:
        """Raises an error that says how it ended."""
        raise HarnessError(f"{self.what} {describe(status)}: "
                           f"{last_line(self.log).removeprefix(SAID) or 'it said nothing'}")


class Switchboard(Process):
    """Serves `slots` slots, each a memory and its wires, on `socket`."""

    def __init__(self, folder: Path, socket: Path, slots: int, vectors: int,
                 sizes: Sequence[str] = ()) -> None:
        super().__init__("the switchboard", folder / "switchboard.log", "switchboard",
                         "--socket", str(socket), "--slots", str(slots), "--vectors", str(vectors),
                         *sizes)
        self.socket = socket


class Device(Process):
    """The device `name`, with that number in its lab."""

    def __init__(self, folder: Path, name: str, number: int, on: str,
                 socket: Path | None = None, control: Path | None = None) -> None:
        super().__init__(f"device {number} ({name})", folder / f"device-{number}.log", "device",
                         name, "--on", on, *(["--control", str(control)] if control else []))
        self.name = name
        self.socket = socket
        self.control = control
        self.supervised = False  # whether it is started again when a signal has ended it
        self.restarts = 0
        if control:  # so that a person finds it
            link = folder / f"control-{number}"
            link.unlink(missing_ok=True)
            link.symlink_to(control)

    @property
    def killed(self) -> bool:
        return (self.status or 0) < 0

    @property
    def failure(self) -> int | None:
        """How it ended, if that is wrong. Of several processes, the last may have reached no fault."""
        again = self.killed or self.restarts and _NOT_REACHED.match(last_line(self.log))
        return self.status if self.status and not (self.supervised and again) else None

    def check(self) -> None:
        """Raises if it has ended by itself, or starts it again."""
        if self.supervised and self._wanted and self.killed:
            self.restarts += 1
            self.start()
        super().check()

    def note(self, fault: str) -> None:
        """Has that fault stand in its trace, if one is being recorded. Waits for nothing: the device
        may be stopped."""
        line = json.dumps({"do": "note", "fault": fault}).encode() + b"\n"
        with socket.socket(socket.AF_UNIX) as peer, suppress(OSError):
            peer.setblocking(False)
            peer.connect(str(self.control))
            peer.sendall(line)

    def ask(self, request: Mapping[str, object]) -> bool:
        """Whether its control socket accepts that; False also if it doesn't answer, as while it is
        stopped."""
        with socket.socket(socket.AF_UNIX) as peer, suppress(OSError):
            peer.settimeout(ANSWER_LIMIT)
            peer.connect(str(self.control))
            peer.sendall(json.dumps(request).encode() + b"\n")
            return b'"error"' not in peer.recv(4096)
        return False

    def add_options(self, options: Sequence[str]) -> None:
        """Adds options of the program, from its next start on."""
        self.argv += options


class Recorder:
    """Records the requests of a running device by `bellwire trace record`, from start() until
    `requests` are recorded, or until stop()."""

    def __init__(self, device: Device, out: Path, facts: Mapping[str, str] = {},
                 requests: int | None = None) -> None:
        assert device.control, "only devices of a lab have a control socket"
        self.out = out
        self._log = device.log.with_suffix(".record.log")
        self._argv = [str(PROGRAM), "trace", "record", str(device.control), "--out", str(out)]
        self._argv += [word for name, text in facts.items() for word in ("--fact", f"{name}={text}")]
        self._argv += ["--requests", str(requests)] if requests else []
        self._child: Child | None = None

    def start(self) -> None:
        """Starts it; returns when it records."""
        self._log.unlink(missing_ok=True)
        self._child = Child(self._argv, self._log)
        deadline = time.monotonic() + START_LIMIT
        while b"recording" not in self._log.read_bytes():
            if self._child.status is not None or time.monotonic() > deadline:
                self.stop()
                raise HarnessError(f"nothing was recorded: {last_line(self._log)}")
            time.sleep(0.002)

    def drop(self) -> None:
        """Kills it; no trace is written."""
        if self._child:
            self._child.kill()

    def stop(self) -> None:
        """Ends it; returns when the trace is written."""
        with messages.waiting("the recorder to write its trace"):
            status = self._child.stop(END_LIMIT) if self._child else 0
        if status:
            raise HarnessError(f"the recorder {describe(status)}: {last_line(self._log)}")
