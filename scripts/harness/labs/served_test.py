# SPDX-License-Identifier: BSD-3-Clause
import os
import signal
import socket
import sys
import tempfile
import time
import unittest
from pathlib import Path
from unittest import mock

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
CONNECTS = """
import socket, sys
client = socket.socket(socket.AF_UNIX)
client.connect(sys.argv[1])
client.recv(1)
print("bye")
sys.exit(5)
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
        with self.assertRaisesRegex(HarnessError, r"--serve 3 \(sh\) ended with 4, as above; .*\.log$"):
            program.start()

    def test_one_that_connects_where_it_must_listen(self) -> None:
        service = Service((sys.executable, "-c", CONNECTS, "{socket}"), KINDS["blk"])
        with self.assertRaisesRegex(HarnessError, r"ended with 1, .* add server=1 to the --transport"):
            Program(service, 0, self.folder, self.socket).start()

    def test_what_listens_and_who_is_connected_is_seen(self) -> None:
        self.assertEqual(served.sockets_in(self.folder), (0, 0))
        with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as client:
            listener.bind(str(self.socket))
            self.assertEqual(served.sockets_in(self.folder), (0, 0))
            listener.listen()
            self.assertEqual(served.sockets_in(self.folder), (1, 0))
            client.connect(str(self.socket))
            self.assertEqual(served.sockets_in(self.folder), (1, 1))
            with listener.accept()[0]:
                self.assertEqual(served.sockets_in(self.folder), (1, 1))
        self.assertEqual(served.sockets_in(self.folder), (0, 0))
        os.unlink(self.socket)


class ConnectingTest(unittest.TestCase):
    """QEMU listens, and the program is to connect: server=1."""

    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.socket = self.folder / "socket"
        self.qemu = self.enterContext(socket.socket(socket.AF_UNIX))

    def listen(self) -> None:
        self.qemu.bind(str(self.socket))
        self.qemu.listen()

    def start(self, *argv: str) -> Program:
        program = Program(Service(argv, KINDS["blk"]), 0, self.folder, self.socket, True)
        self.addCleanup(program.stop)
        program.start()
        return program

    def refused(self, program: Program, says: str) -> None:
        """It is asked again until it has an answer."""
        with self.assertRaisesRegex(HarnessError, rf"--serve 0 \(\w+\) {says}.*: leave server=1 out"):
            while True:
                program.check()
                program.check_connects()
                time.sleep(0.002)

    def test_one_that_connects_is_welcome_and_its_end_is_no_matter_of_sides(self) -> None:
        self.listen()
        program = self.start(sys.executable, "-c", CONNECTS, "{socket}")
        client, _ = self.qemu.accept()
        program.check_connects()
        program.settle()
        client.close()
        with self.assertRaisesRegex(HarnessError, "ended with 5, as above; its log: [^;]*$"):
            while True:
                program.check()
                time.sleep(0.002)

    def test_one_that_listens_in_its_stead(self) -> None:
        self.listen()
        self.refused(self.start(sys.executable, "-c", LISTENS, "{socket}"), "listens at")

    def test_one_that_connects_only_to_see_whether_it_may_listen(self) -> None:
        self.listen()
        program = self.start(sys.executable, "-c", CONNECTS, "{socket}")
        with self.qemu.accept()[0]:
            program.check_connects()
        self.refused(program, "ended with 5")

    def test_one_that_ends_since_the_socket_is_in_use(self) -> None:
        self.listen()
        self.refused(self.start("sh", "-c", "echo in use; exit 1", "{socket}"), "ended with 1")

    def test_one_that_does_nothing(self) -> None:
        program = self.start(sys.executable, "-c", "import signal; signal.pause()", "{socket}")
        program.check_connects()  # QEMU doesn't listen yet: nobody waits
        self.listen()
        with mock.patch.object(served, "START_LIMIT", 0.2):
            self.refused(program, "doesn't connect to")
