# SPDX-License-Identifier: BSD-3-Clause
"""`bellwire top`: what it prints of devices that are busy, idle or gone."""

import contextlib
import json
import select
import socket
import subprocess
import threading
import time
import unittest
from collections.abc import Iterator

from program import PROGRAM, pipe
from programs_test import FAILED, PATIENCE, ProgramCase, served

PLACES = 8  # host/trace/record/control.hpp
QUICK = ("--interval", "0.1", "--times", "3")


class Top(ProgramCase):
    def busy_device(self) -> subprocess.Popen[str]:
        """Its driver is in the same process, and has more to do than a test lasts."""
        device = self.start("device", "echo", "--on", "in-process:rings=10000000", "--control",
                            self.socket)
        self.until(lambda: served(self.socket))
        return device

    def top(self) -> subprocess.Popen[str]:
        """One that looks until it is stopped."""
        top = subprocess.Popen([PROGRAM, "top", self.socket, "--interval", "0.1"],
                               stdout=subprocess.PIPE, text=True)
        self.addCleanup(pipe(top.stdout).close)
        self.addCleanup(top.wait)
        self.addCleanup(top.kill)
        return top

    def rows(self, text: str) -> list[str]:
        above, heading, *rows = text.splitlines()
        self.assertIn("requests", above)
        self.assertIn("transport", heading)
        self.assertLessEqual(max(map(len, (heading, *rows))), 100)
        return rows

    def test_a_busy_device_has_rates(self) -> None:
        self.busy_device()
        top = self.top()
        rows = (cells for cells in map(str.split, pipe(top.stdout)) if len(cells) == 11)
        row = next(cells for cells in rows if int(cells[6]) > 0)  # it may have just begun
        top.terminate()
        self.assertEqual(top.wait(PATIENCE), 0)
        device, transport, pid, starts, events, queue, _, under_way, *_ = row
        self.assertEqual((device, transport, starts, queue), ("echo", "in-process", "1", "0"))
        self.assertRegex(under_way, r"^\d/\d+$")
        rung, of = events.split("/")
        self.assertLess(0, int(of))
        self.assertLessEqual(int(rung), int(of))
        self.assertGreater(int(pid), 1)

    def test_a_device_without_driver_says_so(self) -> None:
        wires = self.folder / "wires"
        self.start("switchboard", "--socket", wires)
        self.until(lambda: served(wires))
        self.start("device", "echo", "--on", f"ivshmem:{wires}", "--control", self.socket)
        self.until(lambda: served(self.socket))
        rows = self.rows(self.run_program("top", self.socket, *QUICK).stdout)
        self.assertRegex(rows[-1], r"^echo +ivshmem .* no driver$")

    def test_a_device_that_goes_and_comes_back(self) -> None:
        device = self.busy_device()
        top = self.top()
        self.assertIn("doorbells", pipe(top.stdout).readline())
        device.kill()
        self.assertTrue(any("--control" in line for line in pipe(top.stdout)))
        self.busy_device()
        self.assertTrue(any(len(line.split()) == 11 for line in pipe(top.stdout)))

    def test_nobody_there(self) -> None:
        self.assert_refused(FAILED, [str(self.socket), "--control"],
                            self.run_program("top", self.socket))

    def test_a_client_that_only_asks_is_hung_up_on(self) -> None:
        self.busy_device()
        with socket.socket(socket.AF_UNIX) as peer:
            peer.connect(str(self.socket))
            answers = b"".join(self.answers_until_hung_up_on(peer))
        self.assertIn(b"before sending more requests", answers)

    def answers_until_hung_up_on(self, peer: socket.socket) -> Iterator[bytes]:
        """Asks on and on, and reads only when it can't ask any more."""
        last = time.monotonic() + PATIENCE
        while time.monotonic() < last:
            peer.setblocking(False)
            room: list[socket.socket] = []
            try:
                while True:
                    peer.send(b'{"do":"status"}\n')
            except BlockingIOError:
                _, room, _ = select.select([], [peer], [], 0.5)
            except ConnectionError:
                pass  # hung up on, but what was answered can still be read
            if not room:  # the device takes no more questions, or is slow
                peer.settimeout(PATIENCE)
                said = self.received(peer)
                if not said:
                    return
                yield said
        self.fail(f"not hung up on within {PATIENCE} s")

    @staticmethod
    def received(peer: socket.socket) -> bytes:
        try:
            return peer.recv(1 << 20)
        except ConnectionError:
            return b""

    def hoard(self) -> list[socket.socket]:
        """Takes all places of the control socket, and asks nothing."""
        clients: list[socket.socket] = []
        for _ in range(PLACES):
            clients.append(self.enterContext(socket.socket(socket.AF_UNIX)))
            clients[-1].connect(str(self.socket))
        return clients

    def test_clients_that_ask_nothing_make_room(self) -> None:
        self.busy_device()
        self.hoard()
        self.until(lambda: self.run_program("top", self.socket, *QUICK).returncode == 0)
        self.hoard()
        out = self.folder / "out"
        self.until(lambda: self.run_program("trace", "record", self.socket, "--out", out,
                                            "--seconds", "0.1").returncode == 0)

    def test_a_client_that_is_turned_away_gets_the_reason(self) -> None:
        self.busy_device()
        for _ in range(10):  # a hoard that has become quiet makes room
            clients = self.hoard()
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(self.socket))
                client.settimeout(PATIENCE)
                with contextlib.suppress(BrokenPipeError):  # it is closed already
                    client.sendall(b'{"do":"status"}\n')
                answer = json.loads(self.received(client))
            for each in clients:
                each.close()
            if "error" in answer:
                break
        self.assertIn(f"{PLACES} clients are connected", answer["error"])

    def test_answers_that_are_malformed(self) -> None:
        queue = {key: 1 for key in ("queue", "entries", "generation", "status", "submitted",
                                    "completed", "doorbells", "wakeups")}
        status = {"device": "echo", "transport": "ivshmem", "incarnation": 1, "queues": []}
        for answer, words in (("nonsense", "not JSON"), ("{}", "status is missing"),
                              (json.dumps({"status": status | {"device": "\x1b[2J"}}), "control"),
                              (json.dumps({"status": status | {"queues": [queue]}}), "raises"),
                              ("x" * 100_000, "65536 bytes"),
                              (json.dumps({"error": "8 clients are there"}), ": 8 clients are")):
            with self.subTest(words):
                run = self.ask_a_liar(answer)
                self.assert_refused(FAILED, [words], run)
                self.assertNotRegex(run.stderr, "\x1b")

    def ask_a_liar(self, answer: str) -> subprocess.CompletedProcess[str]:
        self.socket.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(self.socket))
            listener.listen()
            liar = threading.Thread(target=self.lie, args=(listener, answer))
            liar.start()
            run = self.run_program("top", self.socket)
            liar.join()
        return run

    @staticmethod
    def lie(listener: socket.socket, answer: str) -> None:
        peer, _ = listener.accept()
        with peer:
            try:
                peer.sendall(answer.encode() + b"\n")
                peer.recv(100)
            except OSError:
                pass  # it has heard enough


if __name__ == "__main__":
    unittest.main()
