# SPDX-License-Identifier: BSD-3-Clause
"""Speaks QMP, QEMU's machine protocol: a JSON object a line, one answer to each command."""

import json
import socket
from typing import Any, Self

LIMIT = 20.0  # seconds for an answer; one takes milliseconds, unless the host is very busy


class QmpError(Exception):
    """QEMU refused a command, or is gone."""


class Qmp:
    """Our end of `peer`, which QEMU inherits: nobody else can find it, and it leaves no file."""

    def __init__(self, limit: float = LIMIT) -> None:
        self._socket, self.peer = socket.socketpair()
        self._socket.settimeout(limit)
        self._lines = self._socket.makefile("r", encoding="utf-8")

    @property
    def arguments(self) -> list[str]:
        """What QEMU's command line says about it."""
        return ["-chardev", f"socket,id=qmp,fd={self.peer.fileno()}",
                "-qmp", "chardev:qmp"]

    def greet(self) -> None:
        """Once QEMU was started; idempotent. From here on its end is its own: if it dies, we
        notice."""
        if self.peer.fileno() >= 0:
            self.peer.close()
            self._receive("QMP")
            self.command("qmp_capabilities")

    def command(self, name: str, /, **arguments: object) -> Any:
        """What it returns. Events that come meanwhile are passed over."""
        request = json.dumps({"execute": name, "arguments": arguments}) + "\n"
        try:
            self._socket.sendall(request.encode())
        except OSError as error:
            raise QmpError(f"QMP {name}: {error}") from None
        return self._receive("return", name)

    def await_event(self, name: str, **data: object) -> None:
        """Until that event comes, with that data: one of those that no command has passed over."""
        while True:
            happened = self._receive_any()
            if happened.get("event") == name and data.items() <= happened["data"].items():
                return

    def close(self) -> None:
        self.peer.close()
        self._lines.close()
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

    def _receive_any(self, what: str = "event") -> dict[str, Any]:
        try:
            answer: dict[str, Any] = json.loads(self._lines.readline())
            return answer
        except (OSError, ValueError) as error:
            raise QmpError(f"QMP {what}: no answer from QEMU ({error})") from None
