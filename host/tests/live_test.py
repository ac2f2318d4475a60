# SPDX-License-Identifier: BSD-3-Clause
"""`bellwire live`: who gets the page and the samples, what these say, and what the page shows."""

import http.client
import re
import socket
import subprocess
import sys
import time
import unittest
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from program import PROGRAM, ROOT, pause, pipe
from programs_test import FAILED, PATIENCE, USAGE, ProgramCase, served
from web_socket import WebSocket

sys.path.insert(0, str(ROOT / "scripts/python"))
from bellwire.testing import browser  # noqa: E402


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
        self.assertRegex(line, r"^http://127\.0\.0\.1:\d+/\?token=[0-9a-f]{32} shows \d+ devices?, ")
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

class Live(LiveCase):
    def test_the_page_is_whole_and_reaches_nothing_else(self) -> None:
        _, _, url = self.of_one_device()
        status, page, headers = self.answer(url)
        self.assertEqual(status, 200)
        self.assertNotRegex(page, r"src=|href=|url\(|@import|https?://|/\* (?:style|script) \*/")
        policy = headers["Content-Security-Policy"]
        self.assertIn("default-src 'none'", policy)
        self.assertIn(f"connect-src ws://{urlsplit(url).netloc};", policy)
        self.assertEqual(self.answer(url, "HEAD")[:2], (200, ""))

    def test_who_is_refused(self) -> None:
        _, live, url = self.of_one_device()
        wrong = url[:-1] + ("0" if url[-1] != "0" else "1")
        for what, wanted, found in (
                ("no token", 403, self.answer(url, path="/")),
                ("a wrong one", 403, self.answer(wrong)),
                ("a longer one", 403, self.answer(url + "0")),
                ("another host's name", 403, self.answer(url, Host="evil.example")),
                ("another origin", 403, self.answer(url, Origin="http://evil.example")),
                ("another path", 404, self.answer(url, path="/etc/passwd")),
                ("another method", 405, self.answer(url, "POST")),
                ("no WebSocket", 400, self.answer(url.replace("/?", "/live?")))):
            with self.subTest(what):
                self.assertEqual(found[0], wanted, found[1])
                self.assertEqual(found[1].count("\n"), 1)
        for what, refused in (("a socket without token", WebSocket(url.split("?")[0])),
                              ("one of another origin",
                               WebSocket(url, Origin="http://evil.example"))):
            with self.subTest(what), refused:
                self.assertEqual(refused.status, 403)
        self.assertIsNone(live.poll())

    def test_samples_have_the_counts(self) -> None:
        device, _, url = self.of_one_device()
        with WebSocket(url) as client:
            self.assertEqual(client.status, 101)
            sample = next(found for found in iter(client.message, None)
                          if found["device"]["queues"] and found["device"]["queues"][0]["completed"])
            later = next(found for found in iter(client.message, None)
                         if found["device"]["queues"][0]["completed"]
                         != sample["device"]["queues"][0]["completed"])
        self.assertEqual({key: sample["device"][key] for key in
                          ("socket", "device", "transport", "pid", "starts", "function", "faults")},
                         {"socket": str(self.socket), "device": "delay", "transport": "in-process",
                          "pid": device.pid, "starts": 1, "function": None, "faults": []})
        self.assertGreater(later["at"], sample["at"])

    def test_a_device_that_dies_and_comes_back(self) -> None:
        device, _, url = self.of_one_device()
        with WebSocket(url) as client:
            device.kill()
            device.wait()
            gone = next(found["device"] for found in iter(client.message, None)
                        if "error" in found["device"])
            self.assertEqual(set(gone), {"socket", "error"})
            self.assertIn(str(self.socket), gone["error"])
            self.busy(self.socket)
            self.assertTrue(any("error" not in found["device"]
                                for found in iter(client.message, None)))

    def test_a_device_that_is_stopped_delays_no_other(self) -> None:
        other = self.folder / "other.sock"
        stopped = self.busy(self.socket)
        self.busy(other)
        _, url = self.live(self.socket, other, "--interval", "0.05")
        pause(stopped)
        with WebSocket(url) as client:
            said = []
            for found in iter(client.message, None):
                said.append(found["device"])
                if "error" in found["device"]:
                    break
        self.assertIn("is the device stopped?", said[-1]["error"])
        self.assertGreater(sum(each["socket"] == str(other) for each in said), 3)

    def test_who_does_not_read_delays_nobody(self) -> None:
        _, live, url = self.of_one_device()
        with WebSocket(url), WebSocket(url) as reader:  # the first one never reads
            for _ in range(40):
                reader.message()
        self.assertIsNone(live.poll())

    def test_what_a_page_says_is_read_and_forgotten(self) -> None:
        _, _, url = self.of_one_device()
        with WebSocket(url) as client:
            for _ in range(100):
                client.send(b"x" * 125)
            client.message()

    def test_half_a_request_and_noise_harm_nobody(self) -> None:
        _, _, url = self.of_one_device()
        parts = urlsplit(url)
        for noise in (b"", b"GET /", b"\0" * 100, b"GET / HTTP/1.1\r\nHost: " + b"x" * 20_000):
            with socket.create_connection(("127.0.0.1", parts.port or 0)) as peer:
                peer.sendall(noise)
                with suppress(OSError):  # it may be hung up on at once
                    peer.shutdown(socket.SHUT_WR)
                    while peer.recv(4096):
                        pass
        self.assertEqual(self.answer(url)[0], 200)

    def test_more_pages_than_it_serves(self) -> None:
        _, _, url = self.of_one_device()
        pages = [WebSocket(url) for _ in range(32)]
        try:
            for page in pages:
                page.message()  # it is known as one that watches
            with WebSocket(url) as one_more:
                self.assertEqual(one_more.status, 503)
        finally:
            for page in pages:
                page.close()
        deadline = time.monotonic() + PATIENCE
        while True:
            with WebSocket(url) as after:
                if after.status == 101:
                    break
            self.assertLess(time.monotonic(), deadline, "no page can watch again")

    def test_its_end(self) -> None:
        _, live, url = self.of_one_device()
        with WebSocket(url) as client:
            client.message()
            live.terminate()
            with self.assertRaises(EOFError):
                while True:
                    client.message()
        self.assertEqual(live.wait(PATIENCE), 0)

    def test_what_is_wrong_from_the_start(self) -> None:
        self.assert_refused(FAILED, [str(self.socket), "--control"], self.run_program("live", self.socket))
        _, _, url = self.of_one_device()
        port = str(urlsplit(url).port)
        self.assert_refused(FAILED, [port, "--port", "127.0.0.1"],
                            self.run_program("live", self.socket, "--port", port))
        self.assert_refused(USAGE, ["--port"], self.run_program("live", self.socket, "--port", "65536"))
        self.assert_refused(USAGE, ["--interval"],
                            self.run_program("live", self.socket, "--interval", "0"))
        self.assert_refused(USAGE, ["SOCKET"], self.run_program("live"))


@unittest.skipIf(browser.MISSING, browser.MISSING)
class Page(LiveCase):
    """The page in a browser, with a device under traffic."""

    def test_it_shows_a_device_that_works(self) -> None:
        self.busy(self.socket, "--fault", "delay interrupt 1/10 50us")
        _, url = self.live(self.socket)
        with browser.Browser(url) as page:
            page.until("document.querySelector('article h2')?.textContent"
                       " === 'delay over in-process'")
            page.until("/[1-9]/.test(document.querySelector('dd[data-key=requests]').textContent)")
            page.until("document.querySelector('.lit.down').style.opacity > 0")
            page.until("/on purpose, [1-9]\\d* times: delay interrupt/.test("
                       "document.querySelector('.trouble').textContent)")
            points = page.until("document.querySelector('.past').getAttribute('points')")
            self.assertRegex(points, re.compile(r"^[\d., ]+$"))

    def test_it_stops_steps_and_goes_on_by_the_keyboard(self) -> None:
        self.busy(self.socket)
        _, url = self.live(self.socket, "--interval", "0.05")
        with browser.Browser(url) as page:
            page.until("[...samples.values()].some(all => all.length > 5)")
            page.press(" ")
            page.until("$('pause').getAttribute('aria-pressed') === 'true'")
            at = page.value("shownAt()")
            page.press("ArrowLeft")
            self.assertLess(page.value("shownAt()"), at)
            page.press("ArrowRight")
            self.assertEqual(page.value("shownAt()"), at)
            page.until(f"newest > {at} + 0.2")
            self.assertEqual(page.value("shownAt()"), at)
            page.press("-")
            page.press(" ")
            page.until(f"shownAt() > {at} && shownAt() < newest")  # a quarter as fast
            page.press("End")
            self.assertTrue(page.value("shownAt() === newest && playing"))

    def test_it_says_when_it_has_lost_its_server(self) -> None:
        self.busy(self.socket)
        live, url = self.live(self.socket)
        with browser.Browser(url) as page:
            page.until("connected && samples.size === 1")
            live.terminate()
            page.until("$('where').textContent.startsWith('no connection')")


if __name__ == "__main__":
    unittest.main()
