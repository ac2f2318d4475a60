# SPDX-License-Identifier: BSD-3-Clause
"""`bellwire live`: who gets the page and the samples, what these say, and how it ends."""

import socket
import time
import unittest
from contextlib import suppress
from itertools import islice
from urllib.parse import urlsplit

from live_case import LiveCase, samples
from program import pause
from programs_test import FAILED, PATIENCE, USAGE, served
from web_socket import WebSocket


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
            sample = next(found for found in samples(client)
                          if found["device"]["queues"] and found["device"]["queues"][0]["completed"])
            later = next(found for found in samples(client)
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
            gone = next(found["device"] for found in samples(client)
                        if "error" in found["device"])
            self.assertEqual(set(gone), {"socket", "error"})
            self.assertIn(str(self.socket), gone["error"])
            self.busy(self.socket)
            self.assertTrue(any("error" not in found["device"]
                                for found in samples(client)))

    def test_a_device_that_is_stopped_delays_no_other(self) -> None:
        other = self.folder / "other.sock"
        stopped = self.busy(self.socket)
        self.busy(other)
        _, url = self.live(self.socket, other, "--interval", "0.05")
        pause(stopped)
        with WebSocket(url) as client:
            said = []
            for found in samples(client):
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

    def test_what_a_page_says_changes_nothing(self) -> None:
        _, _, url = self.of_one_device()
        with WebSocket(url) as client:
            for _ in range(100):
                client.send(b"x" * 125)
            self.assertTrue(any(found["device"]["queues"] for found in islice(samples(client), 200)))

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
        other = self.folder / "wires"
        self.start("switchboard", "--socket", other)
        self.until(lambda: served(other))
        self.assert_refused(FAILED, [str(other), "control socket"], self.run_program("live", other))
        _, _, url = self.of_one_device()
        port = str(urlsplit(url).port)
        self.assert_refused(FAILED, [port, "--port", "127.0.0.1"],
                            self.run_program("live", self.socket, "--port", port))
        self.assert_refused(USAGE, ["--port"], self.run_program("live", self.socket, "--port", "65536"))
        self.assert_refused(USAGE, ["--colour"], self.run_program("live", self.socket, "--colour"))
        self.assert_refused(USAGE, ["--interval"],
                            self.run_program("live", self.socket, "--interval", "0"))
        self.assert_refused(USAGE, ["SOCKET", "FILE"], self.run_program("live"))


if __name__ == "__main__":
    unittest.main()
