# SPDX-License-Identifier: BSD-3-Clause
"""`bellwire device` as a back-end of vhost-user: the conventions for such programs, one front-end
after another, and a death in the middle (rules 68, 70 and 77 of docs/semantics.md)."""

import json
import re
import resource
import signal
import socket
import subprocess
import tempfile
import unittest
from functools import partial
from pathlib import Path

from program import PROGRAM, SLOWER, Checked, pipe
from vhost_user_peer import BUFFER, Memory, Peer

PATIENCE = 20 * SLOWER


class VhostUserTest(Checked):
    def setUp(self) -> None:
        super().setUp()
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.socket = self.folder / "rng"
        self.memory = Memory()
        self.addCleanup(self.memory.close)

    def start(self, *where: str, fds: tuple[int, ...] = (), program: Path = PROGRAM,
              device: tuple[str, ...] = ("device", "rng"), limit: int = 1024
              ) -> subprocess.Popen[str]:
        """Returns once it serves; `limit`: how many descriptors it may have."""
        process = subprocess.Popen(
            [program, "--log-level=info", *device, *where], text=True, stderr=subprocess.PIPE,
            pass_fds=fds,
            preexec_fn=partial(resource.setrlimit, resource.RLIMIT_NOFILE, (limit, limit)))
        self.addCleanup(process.wait, PATIENCE)
        self.addCleanup(process.kill)
        self.addCleanup(pipe(process.stderr).close)
        for line in pipe(process.stderr):
            if "is served on" in line:
                return process
        self.fail(f"{where}: it ended with status {process.wait(PATIENCE)}")

    def connect(self, where: Path | socket.socket | None = None) -> Peer:
        peer = Peer(where or self.socket, PATIENCE)
        self.addCleanup(peer.close)
        return peer

    def exchange(self, count: int) -> set[bytes]:
        """Requests, one after the other; what the device wrote."""
        written = set()
        for _ in range(count):
            self.memory.offer()
            self.memory.ring()
            head, content = self.memory.wait_used(PATIENCE)
            self.assertEqual(head, (self.memory.taken - 1) % 16)
            self.assertEqual(len(content), BUFFER)
            written.add(content)
        return written

    def ended(self, process: subprocess.Popen[str]) -> int:
        process.terminate()
        return process.wait(PATIENCE)

    def test_random_bytes_come_and_sigterm_ends_it(self) -> None:
        process = self.start("--socket-path", str(self.socket))
        peer = self.connect()
        peer.set_up(self.memory)
        self.assertEqual(len(self.exchange(40)), 40)
        self.assertEqual(peer.stop(), 40)
        self.assertEqual(self.ended(process), 0)
        self.assertFalse(self.socket.exists())

    def test_front_ends_come_and_go(self) -> None:
        self.start("--on", f"vhost-user:{self.socket}")
        inode = self.socket.stat().st_ino
        for _ in range(3):
            peer = self.connect()
            peer.set_up(self.memory, self.memory.taken)
            self.exchange(5)
            other = self.connect()
            with self.assertRaises((EOFError, ConnectionError)):  # it is refused
                other.number(1)
            peer.close()
        self.assertEqual(self.socket.stat().st_ino, inode)

    def test_killed_and_started_again_it_loses_nothing(self) -> None:
        for round_ in range(5):
            process = self.start("--socket-path", str(self.socket))
            peer = self.connect()
            peer.set_up(self.memory, self.memory.used())
            self.exchange(3)
            process.send_signal(signal.SIGSTOP)
            for _ in range(8):
                self.memory.offer()
            self.memory.ring()
            if round_ % 2:
                process.send_signal(signal.SIGCONT)  # and it is killed somewhere in the middle
            process.kill()
            process.wait(PATIENCE)
            peer.close()
            process = self.start("--socket-path", str(self.socket))
            peer = self.connect()
            peer.set_up(self.memory, self.memory.used())
            heads = [self.memory.wait_used(PATIENCE)[0] for _ in range(8)]
            self.assertEqual(sorted(heads), sorted((self.memory.taken - 8 + n) % 16
                                                   for n in range(8)))
            self.assertEqual(peer.stop(), self.memory.offered)
            self.assertEqual(self.ended(process), 0)
            peer.close()

    def test_others_watch_and_record_it(self) -> None:
        control = self.folder / "control"
        trace = self.folder / "trace.json"
        process = self.start("--on", f"vhost-user:{self.socket}", f"--control={control}",
                             f"--trace={trace}")

        def top() -> list[str]:
            shown = subprocess.run([PROGRAM, "top", control, "--interval=0.01", "--times=1"],
                                   text=True, capture_output=True, timeout=PATIENCE)
            return shown.stdout.splitlines()[-1].split()

        self.assertEqual(top()[-2:], ["no", "driver"])
        peer = self.connect()
        peer.set_up(self.memory)
        self.exchange(40)
        cells = top()
        self.assertEqual((cells[0], cells[1], cells[5], cells[7]),
                         ("rng", "vhost-user", "0", "0/256"))
        peer.close()
        self.assertEqual(self.ended(process), 0)
        shown = subprocess.run([PROGRAM, "trace", "show", "--json", trace], text=True,
                               capture_output=True, timeout=PATIENCE)
        figures = json.loads(shown.stdout)
        self.assertEqual((figures["device"], figures["total"]["count"] + figures["incomplete"]),
                         ("rng", 40))
        self.assertIn(("taken", "posted"), {(hop["from"], hop["to"]) for hop in figures["hops"]})

    def test_it_connects_to_a_front_end_that_listens(self) -> None:
        listener = socket.socket(socket.AF_UNIX)
        self.addCleanup(listener.close)
        process = self.start("--on", f"vhost-user:{self.socket},connect=1")  # nobody is there yet
        listener.bind(str(self.socket))
        listener.listen()
        listener.settimeout(PATIENCE)
        for _ in range(2):
            peer = self.connect(listener.accept()[0])
            peer.set_up(self.memory, self.memory.taken)
            self.exchange(2)
            peer.close()
        self.assertEqual(self.ended(process), 0)

    def test_the_descriptors_that_it_asks_for_are_enough(self) -> None:
        for options in ((), ("--moderate=1", "--drop=interrupt=1000000",
                             f"--control={self.folder}/control")):
            device = ("device", "blk", "--size=1M", "--queues=16", *options)
            where = ("--on", f"vhost-user:{self.socket}")
            refused = subprocess.run(
                [PROGRAM, *device, *where], text=True, capture_output=True, timeout=PATIENCE,
                preexec_fn=partial(resource.setrlimit, resource.RLIMIT_NOFILE, (30, 30)))
            needed = re.search(r"(\d+) file descriptors are needed, the limit is 30", refused.stderr)
            assert needed, refused
            process = self.start(*where, device=device, limit=int(needed[1]))
            run = subprocess.run([PROGRAM, "conform", "vhost-user", self.socket], text=True,
                                 capture_output=True, timeout=PATIENCE)
            process.terminate()
            said = process.communicate(timeout=PATIENCE)[1]
            self.assertEqual(run.returncode, 0, run.stdout[-3000:] + said)
            self.assertNotIn("Too many open files", said)

    def test_a_descriptor_is_a_connection(self) -> None:
        near, far = socket.socketpair(socket.AF_UNIX)
        process = self.start(f"--fd={far.fileno()}", fds=(far.fileno(),))
        far.close()
        peer = self.connect(near)
        peer.set_up(self.memory)
        self.exchange(2)
        peer.close()
        self.assertEqual(process.wait(PATIENCE), 0)

    def test_a_descriptor_listens(self) -> None:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(self.socket))
            listener.listen()
            process = self.start(f"--fd={listener.fileno()}", fds=(listener.fileno(),))
        for _ in range(2):
            peer = self.connect()
            peer.set_up(self.memory, self.memory.taken)
            self.exchange(2)
            peer.close()
        self.assertEqual(self.ended(process), 0)

    def test_capabilities_are_printed_whatever_else_is_said(self) -> None:
        said = subprocess.run([PROGRAM, "device", "rng", "--print-capabilities",
                               "--socket-path=/nowhere/at/all"], text=True, capture_output=True,
                              timeout=PATIENCE, check=True)
        self.assertEqual(json.loads(said.stdout), {"type": "rng", "features": []})

    def test_under_another_name_it_is_a_device(self) -> None:
        name = self.folder / "bellwire-vhost-user-rng"
        name.symlink_to(PROGRAM)
        process = self.start("--socket-path", str(self.socket), program=name, device=())
        self.connect().set_up(self.memory)
        self.exchange(1)
        self.assertEqual(self.ended(process), 0)

    def test_what_is_wrong_is_named(self) -> None:
        (self.folder / "plain").touch()
        cases: tuple[tuple[list[str], str], ...] = (
            ([], "--on is required"),
            (["--on", "vhost-user:"], "needs a socket"),
            (["--on", f"vhost-user:{self.socket},x=1"], "no option 'x=1'"),
            (["--fd=0"], "is not a unix stream socket"),
            (["--fd=3", f"--socket-path={self.socket}"], "excludes"),
            (["--socket-path", str(self.folder / "plain")], "is not a socket"))
        for where, words in cases:
            done = subprocess.run([PROGRAM, "device", "rng", *where], text=True,
                                  stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE)
            self.assertIn(words, done.stderr)
            self.assertNotEqual(done.returncode, 0)


if __name__ == "__main__":
    unittest.main()
