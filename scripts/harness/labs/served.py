# SPDX-License-Identifier: BSD-3-Clause
"""Programs of the user that serve a device on a socket, in any language: `boot-vm --serve`.

The program is whatever the user's command line says, with the path of a socket in place of
{socket}. It serves vfio-user or vhost-user there, or is an ivshmem server, by the run's --transport.
With --transport vhost-user,server=1 QEMU listens there, and the program connects.
"""

import re
import shlex
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from bellwire.core import messages
from bellwire.core.children import describe
from bellwire.core.places import HarnessError
from bellwire.labs.processes import START_LIMIT, Process
from bellwire.labs.virtio import KINDS, Kind
from bellwire.report.logs import last_lines

SOCKET = "{socket}"
SPOKEN = ("vfio-user", "vhost-user", "ivshmem")
SHOWN = 10  # lines of a program that ended
UNSEEN = 1.0  # seconds for a program that is not seen to listen
_ACCEPTS = 0x10000  # a flag of /proc/net/unix
_KIND = re.compile(rf"({'|'.join(KINDS)})=")
# Waits for QEMU's socket, whose name is its first argument, then becomes the program.
_AFTER_QEMU = 'until [ -S "$0" ]; do sleep 0.02; done; exec "$@"'


@dataclass(frozen=True)
class Service:
    """A program as the user named it."""

    argv: tuple[str, ...]  # with SOCKET in it
    kind: Kind | None = None  # over vhost-user: which of QEMU's front-ends it gets

    @classmethod
    def parse(cls, word: str, transport: str) -> "Service":
        """PROGRAM … {socket} …; over vhost-user KIND=PROGRAM … {socket} …"""
        kind = _KIND.match(word)
        command = word[kind.end():] if kind else word
        option = f"--serve '{word}'"
        try:
            argv = tuple(shlex.split(command))
        except ValueError as error:
            raise HarnessError(f"{option}: {error}: quote it as for a shell") from None
        if SOCKET not in command:
            raise HarnessError(f"{option}: it has no {SOCKET}: write that where the program wants the "
                               "path of the socket that it shall serve")
        name = transport.partition(",")[0]
        if other := next((known for known in SPOKEN if f"{known}:{SOCKET}" in command
                          and known != name), None):
            raise HarnessError(f"{option}: it serves {other} there, but the transport is {name}: give "
                               f"--transport {other}")
        if name == "vhost-user" and not kind:
            raise HarnessError(f"{option}: QEMU has a front-end of its own for each kind of device "
                               "over vhost-user: put one of "
                               f"{', '.join(f'{known}=' for known in KINDS)} before the program")
        if not shutil.which(argv[0]):
            raise HarnessError(f"{option}: there is no program '{argv[0]}': give its path")
        if name != "vhost-user" and kind:
            raise HarnessError(f"{option}: {kind[0]} is for --transport vhost-user; leave it out "
                               f"with {name}")
        return cls(argv, KINDS[kind[1]] if kind else None)


class Program(Process):
    """A running service. Its log has what it prints; the user's own exit status is kept."""

    def __init__(self, service: Service, number: int, folder: Path, socket: Path,
                 after_qemu: bool = False) -> None:
        super().__init__(f"--serve {number} ({Path(service.argv[0]).name})",
                         folder / f"serve-{number}.log")
        self.number = number
        self.kind = service.kind
        self.starts = 0
        self._place = socket
        self._connects = after_qemu
        self._awaited: float | None = None  # since when QEMU waits for it
        self._settled = False  # whether it is at the right end of its socket
        self.argv = [part.replace(SOCKET, str(socket)) for part in service.argv]
        if after_qemu:
            self.argv = ["sh", "-c", _AFTER_QEMU, str(socket), *self.argv]
        else:
            self.socket = socket

    def start(self) -> None:
        self.starts += 1
        self._awaited, self._settled = None, False
        super().start()
        self._settled = not self._connects

    def restart(self) -> None:
        self.stop()
        self.start()

    def fail(self, status: int) -> NoReturn:
        self._fail(describe(status))

    def check_connects(self) -> None:
        """Raises if QEMU waits for it in vain. Call it while QEMU waits for somebody, from when QEMU
        listens. Whoever connects from another network namespace is not seen."""
        if not self._connects or not self._place.exists():
            return
        listening, connected = sockets_in(self._place.parent)
        if listening > 1:
            self._fail(f"listens at {self._place}, where QEMU listens")
        now = time.monotonic()
        if connected or self._awaited is None:
            self._awaited = now
        if now > self._awaited + START_LIMIT:
            self._fail(f"doesn't connect to {self._place} after {START_LIMIT:g} s")

    def settle(self) -> None:
        """The guest is up. Connecting once is not enough: some look whether a socket is served
        already, before they listen."""
        self._settled = True

    @property
    def _remedy(self) -> str:
        """If it may have taken itself for the other end of its socket."""
        if not self.kind or self._settled:
            return ""
        return ("; with server=1 the program must connect there: leave server=1 out if it listens"
                if self._connects else
                "; it must listen there: add server=1 to the --transport if it connects")

    def _fail(self, what: str) -> NoReturn:
        """Shows the last lines of its log first."""
        said = last_lines(self.log, SHOWN)
        for line in said:
            messages.say(f"{self.what}: {line}")
        raise HarnessError(f"{self.what} {what}, {'as above' if said else 'and said nothing'}; its "
                           f"log: {self.log}{self._remedy}")

    def _await(self, socket: Path) -> None:
        """A socket is there before its program listens, and whoever connects then is refused. In
        another network namespace, as in a container, it is not seen to listen."""
        began = time.monotonic()
        seen = None
        while not sockets_in(socket.parent)[0] or not socket.exists():
            self.check()
            now = time.monotonic()
            seen = seen or (now if socket.exists() else None)
            if seen and now > seen + UNSEEN:
                return
            if now > began + START_LIMIT:
                self._fail(f"doesn't listen at {socket} after {START_LIMIT:g} s")
            time.sleep(0.005)


def sockets_in(folder: Path, table: Path = Path("/proc/net/unix")) -> tuple[int, int]:
    """How many sockets in that folder listen, and how many are connected, by whatever name: some are
    renamed when they are ready. Connecting would tell, too, but some programs serve only their first
    client."""
    states = [_state(fields[3], fields[5])
              for line in table.read_text(errors="replace").splitlines()[1:]
              if len(fields := line.split(maxsplit=7)) == 8 and Path(fields[-1]).parent == folder]
    return states.count("listening"), states.count("connected")


def _state(flags: str, state: str) -> str:
    """Of a line of /proc/net/unix."""
    if int(flags, 16) & _ACCEPTS:
        return "listening"
    return "connected" if int(state, 16) in (2, 3) else "neither"  # 2: nobody has accepted it yet
