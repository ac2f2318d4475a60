# SPDX-License-Identifier: BSD-3-Clause
"""Commands that a test runs in a VM, one after the other.

The guest's command is a shell that reads its input, which is our end of a socket. Behind each
command it writes a mark to both of its streams; up to there, they are the command's.
"""

import os
import shlex
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bellwire import ktap
from bellwire.core.growing import Growing
from bellwire.core.pauses import Pauses
from bellwire.core.places import HarnessError

if TYPE_CHECKING:
    from bellwire.vms.vm import Vm

SHELL = ("sh",)


@dataclass(frozen=True)
class Completed:
    """A command that has ended: with its exit status, and what it wrote."""

    command: str
    status: int
    stdout: str
    stderr: str

    @property
    def tests(self) -> list[ktap.Case]:
        """Those of the report that it printed as KTAP or TAP; what a report leaves out is a failed
        one."""
        return ktap.parse(self.stdout)


class _Stream:
    """What came since the last mark."""

    def __init__(self, source: Growing) -> None:
        self._source = source
        self._data = b""

    def find(self, mark: bytes) -> bytes | None:
        """What stands before the line of that mark, and takes both out; None: it is not there yet."""
        while more := self._source.read():
            self._data += more
        before, found, behind = self._data.partition(mark)
        if not found or b"\n" not in behind:
            return None
        self.rest, _, self._data = behind.partition(b"\n")
        return before


class Session:
    """`peer` is QEMU's end of the shell's input. `watch` is called while a command runs, and may
    raise."""

    def __init__(self, watch: Callable[[], None]) -> None:
        self._socket, self.peer = socket.socketpair()
        self._watch = watch
        self._streams: tuple[_Stream, _Stream] | None = None

    def run(self, vm: "Vm", command: str | Sequence[str], limit: float) -> Completed:
        words = command if isinstance(command, str) else shlex.join(command)
        mark = os.urandom(16).hex()
        out, err = self._streams = self._streams or (_Stream(vm.stdout), _Stream(vm.stderr))
        self._socket.sendall(f"sh -c {shlex.quote(words)} </dev/null; printf '{mark} %d\\n' $?; "
                             f"printf '{mark}\\n' >&2\n".encode())
        stdout = self._until(vm, out, mark, words, limit)
        stderr = self._until(vm, err, mark, words, limit)
        return Completed(words, int(out.rest), stdout, stderr)

    def _until(self, vm: "Vm", stream: _Stream, mark: str, words: str, limit: float) -> str:
        pauses, resets = Pauses(limit), vm.resets
        while (found := stream.find(mark.encode())) is None:
            self._watch()
            if vm.resets != resets:
                self._streams = None  # a new shell begins
                raise HarnessError(f"'{words}': the guest was reset meanwhile; run() waits for its boot")
            if verdict := vm.poll():
                raise HarnessError(f"'{words}': {verdict.reason}")
            if pauses.over():
                raise HarnessError("\n".join([f"'{words}' still ran after {limit:g} s",
                                              *self._where(vm)]))
            pauses.sleep()
        return found.decode(errors="replace")

    def _where(self, vm: "Vm") -> list[str]:
        """What the guest's tasks were at. This ends the guest."""
        vm.end_with_stacks()
        return [*(vm.post_mortem.lines() if vm.post_mortem else []),
                f"the guest's console: {vm.console}"]

    def close(self) -> None:
        self._socket.close()
        self.peer.close()
