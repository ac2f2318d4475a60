# SPDX-License-Identifier: BSD-3-Clause
"""Passes a guest's stdout and stderr on to ours.

A guest that is far ahead of the reader of our output is paused, so time limits hold and the disk
does not fill while nobody reads.
"""

import os
import signal
import time
from contextlib import ExitStack, suppress
from typing import Self

from bellwire.core import messages
from bellwire.core.stdio import Sink, until_drained
from bellwire.vms.qmp import QmpError
from bellwire.vms.verdict import TIMEOUT, Verdict
from bellwire.vms.vm import Vm

AHEAD = 4 << 20  # bytes that the guest may be ahead of the reader
GRACE = 2.0  # seconds to read the rest of a command that was ended


class Output:
    def __init__(self, vm: Vm) -> None:
        self._vm = vm
        self._stderr = Sink(2)
        self._ways = ((vm.stdout, Sink(1)), (vm.stderr, self._stderr))
        self._paused = self._stop_wanted = False
        self._open = ExitStack()

    def __enter__(self) -> Self:
        messages.speak_by(self._stderr.put)
        self._open.callback(messages.speak_by, messages.to_stderr)
        self._open.callback(self._stderr.drain, GRACE)
        kept = signal.signal(signal.SIGTSTP, self._want_stop)
        self._open.callback(signal.signal, signal.SIGTSTP, kept)
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def stream(self) -> None:
        """Call it repeatedly while the command runs."""
        if self._stop_wanted:
            self._stop()
        for source, sink in self._ways:
            while sink.room() and (data := source.read()):
                sink.put(data)
            source.give_back()
        ahead = max(source.backlog() for source, _ in self._ways)
        if ahead > AHEAD and not self._paused:
            self._pause()
        elif ahead == 0 and self._paused:
            self._resume()

    def finish(self, verdict: Verdict, deadline: float | None) -> Verdict:
        """Waits until everything is written, up to the deadline; after a timeout only for GRACE
        seconds."""
        if verdict.status == TIMEOUT:
            deadline = time.monotonic() + GRACE
        while not self._delivered():
            if deadline and time.monotonic() > deadline:
                break
            time.sleep(0.005)
        for source, sink in self._ways:
            sink.check()
            source.finish()
        if verdict.status != TIMEOUT and not self._delivered():
            return Verdict(TIMEOUT, "the command has ended, but nobody read its output in time")
        return verdict

    def _delivered(self) -> bool:
        for source, sink in self._ways:
            while sink.room() and (data := source.read()):
                sink.put(data)
        now = time.monotonic()
        return not any(source.backlog() for source, _ in self._ways) and until_drained(
            [sink for _, sink in self._ways], now)

    def _pause(self) -> None:
        with suppress(QmpError):  # QEMU has just ended, which poll() finds
            self._vm.pause()
            self._paused = True

    def _resume(self) -> None:
        with suppress(QmpError):
            self._vm.resume()
            self._paused = False

    def _want_stop(self, *_: object) -> None:
        self._stop_wanted = True

    def _stop(self) -> None:
        """Ctrl-Z pauses the guest, too, which would otherwise write on without a reader."""
        self._stop_wanted = False
        self._pause()
        os.kill(os.getpid(), signal.SIGSTOP)
        self._resume()
