# SPDX-License-Identifier: BSD-3-Clause
"""What the tests of `bellwire live` share: devices under traffic, the server, its messages."""

import http.client
import subprocess
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from program import PROGRAM, pipe
from programs_test import PATIENCE, ProgramCase, served
from web_socket import WebSocket


def samples(client: WebSocket) -> Iterator[dict[str, Any]]:
    """What it is told of devices from now on; not for ever."""
    last = time.monotonic() + PATIENCE
    while time.monotonic() < last:
        if "device" in (found := client.message()):
            yield found
    raise TimeoutError(f"no sample of {PATIENCE} s is the one that was waited for: {found}")


class LiveCase(ProgramCase):
    def busy(self, socket: Any, *words: str) -> subprocess.Popen[str]:
        device = self.start("device", "delay", "--on", "in-process:rings=1000000", "--control",
                            socket, *words)
        self.until(lambda: served(socket))
        return device

    def live(self, *words: Any) -> tuple[subprocess.Popen[str], str]:
        """One that serves, and its address."""
        live = subprocess.Popen([PROGRAM, "live", *map(str, words)], stdout=subprocess.PIPE, text=True)
        self.addCleanup(pipe(live.stdout).close)
        self.addCleanup(live.wait)
        self.addCleanup(live.kill)
        line = pipe(live.stdout).readline()
        self.assertRegex(line, r"^http://127\.0\.0\.1:\d+/\?token=[0-9a-f]{32} shows \d+ (?:device|trace)s?(?:, |$)")
        return live, line.split()[0]

    def of_one_device(self) -> tuple[subprocess.Popen[str], subprocess.Popen[str], str]:
        device = self.busy(self.socket)
        return device, *self.live(self.socket, "--interval", "0.05")

    def answer(self, url: str, method: str = "GET", path: str | None = None, **headers: str
               ) -> tuple[int, str, http.client.HTTPMessage]:
        parts = urlsplit(url)
        assert parts.hostname
        client = http.client.HTTPConnection(parts.hostname, parts.port, timeout=PATIENCE)
        self.addCleanup(client.close)
        client.request(method, path or f"{parts.path}?{parts.query}", headers=headers)
        response = client.getresponse()
        return response.status, response.read().decode(), response.headers
