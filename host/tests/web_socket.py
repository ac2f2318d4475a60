# SPDX-License-Identifier: BSD-3-Clause
"""A client of WebSockets (RFC 6455) that sends short texts, and receives JSON."""

import base64
import json
import os
import socket
import struct
from typing import Any, Self
from urllib.parse import urlsplit

TEXT, CLOSE, PING = 1, 8, 9


class WebSocket:
    def __init__(self, url: str, **headers: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname and parts.port
        self._socket = socket.create_connection((parts.hostname, parts.port), timeout=10)
        key = base64.b64encode(os.urandom(16)).decode()
        fields = {"Host": parts.netloc, "Upgrade": "websocket", "Connection": "Upgrade",
                  "Sec-WebSocket-Key": key, "Sec-WebSocket-Version": "13", **headers}
        lines = [f"GET /live?{parts.query} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode())
        self._read = self._socket.makefile("rb")
        self.status = int(self._read.readline().split()[1])
        while self._read.readline().strip():
            pass

    def message(self) -> dict[str, Any]:
        """The next one, a JSON object. EOFError: it was closed."""
        while True:
            kind, text = self._frame()
            if kind == TEXT:
                found: dict[str, Any] = json.loads(text)
                return found
            if kind == CLOSE:
                raise EOFError

    def _frame(self) -> tuple[int, bytes]:
        head = self._bytes(2)
        assert head[0] & 0x80, "a message in parts"
        length = head[1] & 0x7f
        if length == 126:
            length, = struct.unpack(">H", self._bytes(2))
        elif length == 127:
            length, = struct.unpack(">Q", self._bytes(8))
        return head[0] & 0xf, self._bytes(length)

    def _bytes(self, count: int) -> bytes:
        found = self._read.read(count)
        if len(found) < count:
            raise EOFError
        return found

    def send(self, text: bytes) -> None:
        """A masked text; its mask is 0."""
        length = (bytes([0x80 | len(text)]) if len(text) < 126 else
                  bytes([0x80 | 126]) + struct.pack(">H", len(text)))
        self._socket.sendall(bytes([0x80 | TEXT]) + length + bytes(4) + text)

    def close(self) -> None:
        self._read.close()
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
