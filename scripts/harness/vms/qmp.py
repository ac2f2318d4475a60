# SPDX-License-Identifier: BSD-3-Clause
"""Speaks QMP, QEMU's monitor protocol: a JSON object per line, one answer per command."""

import json
import select
import socket
import time
from collections.abc import Callable
from typing import Any, Self

LIMIT = 20.0  # seconds for an answer; one takes milliseconds, unless the host is very busy
POLL = 0.02


class QmpError(Exception):
    """QEMU refused a command, or is gone."""


class Qmp:
    """Our end of `peer`, a socket that QEMU inherits: it has no file that others could open. `watch`
    is called while an answer is awaited, and may raise."""

    def __init__(self, limit: float = LIMIT, watch: Callable[[], None] = lambda: None) -> None:
        self._socket, self.peer = socket.socketpair()
        self._socket.settimeout(limit)
        self._limit, self.watch = limit, watch
        self._data = b""
        self._events: list[dict[str, Any]] = []  # that came before the last command's result

    @property
    def arguments(self) -> list[str]:
        """QEMU's arguments for it."""
        return ["-chardev", f"socket,id=qmp,fd={self.peer.fileno()}",
                "-qmp", "chardev:qmp"]

    def greet(self) -> None:
        """Call it once QEMU has been started; idempotent. Closes our copy of QEMU's end, so that
        we notice if QEMU dies."""
        if self.peer.fileno() >= 0:
            self.peer.close()
            self._receive("QMP")
            self.command("qmp_capabilities")

    def command(self, name: str, /, **arguments: object) -> Any:
        """Returns its result. Events that come meanwhile wait for await_event(), until the next
        command."""
        self._events = []
        request = json.dumps({"execute": name, "arguments": arguments}) + "\n"
        try:
            self._socket.sendall(request.encode())
        except OSError as error:
            raise QmpError(f"QMP {name}: {error}") from None
        return self._receive("return", name)

    def await_event(self, name: str, **data: object) -> None:
        """Waits for that event with that data, of the last command or later."""
        while True:
            happened = self._events.pop(0) if self._events else self._receive_any()
            if happened.get("event") == name and data.items() <= happened["data"].items():
                return

    def close(self) -> None:
        self.peer.close()
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _receive(self, wanted: str, command: str = "greeting") -> dict[str, Any]:
        while True:
            answer = self._receive_any(command)
            if "error" in answer:
                raise QmpError(f"QMP {command}: {answer['error']['desc']}")
            if wanted in answer:
                found: dict[str, Any] = answer[wanted]
                return found
            self._events.append(answer)

    def _receive_any(self, what: str = "event") -> dict[str, Any]:
        try:
            answer: dict[str, Any] = json.loads(self._line())
            return answer
        except (OSError, ValueError) as error:
            raise QmpError(f"QMP {what}: no answer from QEMU ({error})") from None

    def _line(self) -> bytes:
        """Empty: QEMU is gone."""
        deadline = time.monotonic() + self._limit
        while b"\n" not in self._data:
            if select.select([self._socket], [], [], POLL)[0]:
                if not (more := self._socket.recv(1 << 16)):
                    return b""
                self._data += more
            elif time.monotonic() > deadline:
                raise TimeoutError("timed out")
            else:
                self.watch()
        line, _, self._data = self._data.partition(b"\n")
        return line
