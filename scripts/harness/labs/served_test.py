# SPDX-License-Identifier: BSD-3-Clause
import os
import signal
import socket
import sys
import tempfile
import time
import unittest
from pathlib import Path

from bellwire.core.places import HarnessError
from bellwire.labs import findings, served
from bellwire.labs.served import Program, Service
from bellwire.labs.virtio import KINDS

LISTENS = """
import os, signal, socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1] + ".new")
print("bound", flush=True)
listener.listen()
os.rename(sys.argv[1] + ".new", sys.argv[1])
signal.pause()
"""


class ServiceTest(unittest.TestCase):
    def test_its_command_line_is_read_as_a_shell_does(self) -> None:
        self.assertEqual(Service.parse("cat 'a b' --on={socket},c", "vfio-user,page=1").argv,
                         ("cat", "a b", "--on={socket},c"))
        behind = Service.parse("blk=cat {socket}", "vhost-user,server=1")
        self.assertEqual((behind.argv, behind.kind), (("cat", "{socket}"), KINDS["blk"]))

    def test_wrong_ones_are_named_with_the_remedy(self) -> None:
        for word, transport, remedy in (
                ("cat", "vfio-user", "write that where"), ("", "vfio-user", "write that where"),
                ("'{socket}", "vfio-user", "quote it"), ("/no/cat {socket}", "ivshmem", "its path"),
                ("cat {socket}", "vhost-user", "one of blk=, net=, rng="),
                ("foo=/bin/cat {socket} 1", "vhost-user", "one of blk=, net=, rng="),
                ("net=cat {socket}", "vfio-user", "leave it out")):
            with self.subTest(word), self.assertRaises(HarnessError) as caught:
                Service.parse(word, transport)
            self.assertIn(f"--serve '{word}': ", str(caught.exception))
            self.assertIn(remedy, str(caught.exception))


class ProgramTest(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.socket = self.folder / "socket"

    def program(self, *argv: str) -> Program:
        program = Program(Service(argv), 3, self.folder, self.socket)
        self.addCleanup(program.stop)
        return program

    def test_it_has_started_when_it_listens_by_whatever_name(self) -> None:
        program = self.program(sys.executable, "-c", LISTENS, "{socket}")
        for starts in (1, 2):
            program.restart()
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(self.socket))
            self.assertEqual(program.starts, starts)
        self.assertEqual(program.log.read_text(), "bound\nbound\n")

    def test_one_that_is_stopped_ends_by_sigterm_and_is_named(self) -> None:
        program = self.program(sys.executable, "-c", LISTENS, "{socket}")
        program.start()
        self.assertIsNone(program.stopped)
        pid = program.pid
        program.pause()
        while not program.stopped:
            time.sleep(0.002)
        program.stop()
        self.assertEqual((program.stopped, program.status), (pid, -signal.SIGTERM))
        (line, log), = findings.find([], [], [program]).interruptions
        self.assertIn(f"was stopped (pid {pid})", line)
        self.assertEqual(log, program.log)

    def test_one_that_ends_is_an_error(self) -> None:
        program = self.program("sh", "-c", "echo first; echo last >&2; exit 4")
        with self.assertRaisesRegex(HarnessError, r"--serve 3 \(sh\) ended with 4, as above"):
            program.start()

    def test_what_listens_is_seen(self) -> None:
        self.assertFalse(served.listening_in(self.folder))
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(self.socket))
            self.assertFalse(served.listening_in(self.folder))
            listener.listen()
            self.assertTrue(served.listening_in(self.folder))
        self.assertFalse(served.listening_in(self.folder))
        os.unlink(self.socket)
