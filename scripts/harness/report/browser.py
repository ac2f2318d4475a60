# SPDX-License-Identifier: BSD-3-Clause
"""Loads pages in a browser, for tests and measurements. Without a network."""

import base64
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

QUIET = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync")
MISSING = "" if shutil.which("chromium") else "no chromium: run scripts/test, or scripts/setup"
LIMIT = 120.0


def dom(page: str, *options: str) -> str:
    """The document after the browser has loaded the page."""
    with tempfile.TemporaryDirectory(prefix="bell") as folder:
        path = Path(folder, "page.html")
        path.write_text(page)
        shown = subprocess.run(
            ["chromium", *QUIET, f"--user-data-dir={folder}/profile", *options, "--dump-dom",
             path.as_uri()],
            capture_output=True, text=True, timeout=LIMIT, stdin=subprocess.DEVNULL, check=True)
    return shown.stdout


class Browser:
    """A browser that runs, at a page; it is spoken to in Chrome's DevTools protocol, by pipes."""

    def __init__(self, url: str, width: int = 1100, height: int = 800) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="bell", ignore_cleanup_errors=True)
        theirs, self._to = os.pipe()
        self._from, its = os.pipe()
        # It reads descriptor 3 and writes to 4.
        run = f"exec 3<&{theirs} 4>&{its}; exec chromium \"$@\""
        self._process = subprocess.Popen(
            ["bash", "-c", run, "browser", *QUIET, f"--user-data-dir={self._folder.name}/profile",
             f"--window-size={width},{height}", "--remote-debugging-pipe", "about:blank"],
            pass_fds=(theirs, its), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True)
        os.close(theirs)
        os.close(its)
        self._said = b""
        self._number = 0
        target = self._call("Target.createTarget", {"url": url})["targetId"]
        self._session = self._call("Target.attachToTarget",
                                   {"targetId": target, "flatten": True})["sessionId"]
        # A window is never as narrow as a phone.
        self._call("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": False})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)  # its children, too, which write to the folder
        self._process.wait()
        os.close(self._to)
        os.close(self._from)
        self._folder.cleanup()

    def value(self, script: str) -> Any:
        """What an expression of JavaScript is worth on the page now."""
        found = self._call("Runtime.evaluate", {"expression": script, "returnByValue": True})
        if "exceptionDetails" in found:
            raise RuntimeError(found["exceptionDetails"])
        return found["result"].get("value")

    def until(self, script: str) -> Any:
        """Waits until that expression is true, and returns it. While the page is loaded, what it names
        may not be there yet."""
        last = time.monotonic() + LIMIT
        while time.monotonic() < last:
            with suppress(RuntimeError):
                if found := self.value(script):
                    return found
            time.sleep(0.05)
        raise TimeoutError(f"not in {LIMIT:g} s: {script}")

    def press(self, key: str) -> None:
        for kind in ("keyDown", "keyUp"):
            self._call("Input.dispatchKeyEvent", {"type": kind, "key": key,
                                                  "text": key if len(key) == 1 else ""})

    def prefer(self, feature: str, value: str) -> None:
        """What the page's media queries find, such as prefers-color-scheme: dark."""
        self._call("Emulation.setEmulatedMedia", {"features": [{"name": feature, "value": value}]})

    @property
    def pid(self) -> int:
        """Of its first process; the others are its children."""
        return self._process.pid

    def picture(self, path: Path) -> None:
        """Writes a PNG."""
        path.write_bytes(base64.b64decode(self._call("Page.captureScreenshot", {})["data"]))

    def _call(self, method: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        self._number += 1
        call = {"id": self._number, "method": method, "params": parameters}
        if hasattr(self, "_session"):
            call["sessionId"] = self._session
        os.write(self._to, json.dumps(call).encode() + b"\0")
        while True:
            while b"\0" not in self._said:
                if not (more := os.read(self._from, 1 << 16)):
                    raise RuntimeError("the browser has ended")
                self._said += more
            line, _, self._said = self._said.partition(b"\0")
            answer = json.loads(line)
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(answer["error"]["message"])
                found: dict[str, Any] = answer["result"]
                return found
