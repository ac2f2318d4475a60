# SPDX-License-Identifier: BSD-3-Clause
"""The program `bellwire`, as its users meet it: what it says to bad input, and how it ends."""

import resource
import signal
import socket
import subprocess
import tempfile
import time
import unittest
from collections.abc import Sequence
from pathlib import Path

PROGRAM = Path(__file__).resolve().parents[1] / "build/dev/host/bellwire"
FAILED, USAGE = 1, 2
PATIENCE = 20  # seconds


class ProgramCase(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="bell")))
        self.socket = self.folder / "socket"

    def run_program(self, *arguments: str | Path, **options) -> subprocess.CompletedProcess:
        return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=PATIENCE, **options)

    def start(self, *arguments: str | Path) -> subprocess.Popen:
        process = subprocess.Popen([PROGRAM, *arguments], stdin=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def switchboard(self, *arguments: str) -> subprocess.Popen:
        """One that serves already."""
        process = self.start("switchboard", "--socket", self.socket, *arguments)
        self.until(lambda: served(self.socket))
        return process

    def device(self, where: str = "") -> subprocess.Popen:
        """One that has said, in its log, that it runs."""
        process = self.start("--log-level", "info", "device", "echo", "--on",
                             f"ivshmem:{self.socket}{where}")
        self.assertIn("echo runs on", process.stderr.readline())
        return process

    def until(self, happened) -> None:
        deadline = time.monotonic() + PATIENCE
        while not happened():
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)

    def assert_refused(self, status: int, told: Sequence[str],
                       run: subprocess.CompletedProcess) -> None:
        """One line that names everything in `told`."""
        self.assertEqual((run.returncode, run.stdout), (status, ""), run.stderr)
        self.assertRegex(run.stderr, r"\Abellwire: [^\n]+\n\Z")
        for word in told:
            self.assertIn(word, run.stderr)


def served(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


class BadInput(ProgramCase):
    def test_usage(self) -> None:
        switchboard = ("switchboard", "--socket", self.socket)
        for arguments, told in (
                ([], ["subcommand"]),
                (["toaster"], ["toaster"]),
                (["switchboard"], ["--socket"]),
                ([*switchboard, "--colour"], ["--colour"]),
                ([*switchboard, "--memory", "100K"], ["memory 102400", "power of two"]),
                ([*switchboard, "--memory", "4K"], ["memory 4096", "64K to 1G"]),
                ([*switchboard, "--memory", "much"], ["--memory", "much"]),
                ([*switchboard, "--vectors", "33"], ["vectors 33", "1 to 32"]),
                ([*switchboard, "--vectors", "-1"], ["--vectors", "-1"]),
                ([*switchboard, "--slots", "0"], ["slots 0", "1 to 1024"]),
                (["--log-level", "loud", *switchboard], ["--log-level", "loud", "debug"]),
                (["device", "toaster", "--on", "ivshmem:x"], ["toaster", "echo"]),
                (["device", "echo"], ["--on"]),
                (["device", "echo", "--on", "smoke:x"], ["smoke:x", "ivshmem:PATH"]),
                (["device", "echo", "--on", "ivshmem"], ["path", "empty"]),
                (["device", "echo", "--on", "ivshmem:x,slot=a"], ["slot=a", "number"]),
                (["device", "echo", "--on", "ivshmem:x,colour=red"], ["colour=red", "slot=N"])):
            with self.subTest(" ".join(map(str, arguments)).replace(str(self.folder), "")):
                self.assert_refused(USAGE, told, self.run_program(*arguments))
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_a_path_too_long_for_a_socket(self) -> None:
        path = self.folder / ("x" * 120)
        told = [str(path), "107", "shorter"]
        self.assert_refused(FAILED, told, self.run_program("switchboard", "--socket", path))
        self.assert_refused(FAILED, told,
                            self.run_program("device", "echo", "--on", f"ivshmem:{path}"))

    def test_a_folder_that_is_not_there(self) -> None:
        path = self.folder / "no/socket"
        self.assert_refused(FAILED, [str(path)], self.run_program("switchboard", "--socket", path))

    def test_a_path_that_is_a_file(self) -> None:
        self.socket.write_text("precious")
        self.assert_refused(FAILED, [str(self.socket), "not a socket", "another path"],
                            self.run_program("switchboard", "--socket", self.socket))
        self.assertEqual(self.socket.read_text(), "precious")

    def test_a_socket_that_is_served(self) -> None:
        first = self.switchboard()
        self.assert_refused(FAILED, [str(self.socket), "already served", "another path"],
                            self.run_program("switchboard", "--socket", self.socket))
        self.assertIsNone(first.poll())
        self.assertTrue(served(self.socket))

    def test_too_few_descriptors(self) -> None:
        def few() -> None:
            resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128))

        run = self.run_program("switchboard", "--socket", self.socket, "--slots", "20",
                               preexec_fn=few)
        self.assert_refused(FAILED, ["descriptors", "128", "ulimit -n"], run)
        self.assertFalse(self.socket.exists())

    def test_a_device_without_a_switchboard(self) -> None:
        run = self.run_program("device", "echo", "--on", f"ivshmem:{self.socket}")
        self.assert_refused(FAILED, [str(self.socket), "is a switchboard running at"], run)

    def test_a_device_where_no_place_is(self) -> None:
        self.switchboard("--slots", "2")
        first = self.device(",slot=1")
        for slot in ("1", "7"):
            with self.subTest(slot):
                run = self.run_program("device", "echo", "--on",
                                       f"ivshmem:{self.socket},slot={slot}")
                self.assert_refused(FAILED, [str(self.socket), f"slot {slot}"], run)
        self.assertIsNone(first.poll())

    def test_a_server_that_says_nothing(self) -> None:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(self.socket))
            server.listen()
            run = self.run_program("device", "echo", "--on", f"ivshmem:{self.socket}")
        self.assert_refused(FAILED, [str(self.socket), "protocol version", "5000 ms"], run)


class Ends(ProgramCase):
    def test_signals_end_it_in_good_order(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with self.subTest(number.name):
                switchboard = self.switchboard()
                device = self.device()
                device.send_signal(number)
                self.assertEqual(device.wait(PATIENCE), 0)
                switchboard.send_signal(number)
                self.assertEqual(switchboard.wait(PATIENCE), 0)
                self.assertEqual(list(self.folder.iterdir()), [])

    def test_a_killed_switchboard_leaves_a_socket_that_is_taken_over(self) -> None:
        killed = self.switchboard()
        killed.kill()
        killed.wait(PATIENCE)
        self.assertTrue(self.socket.exists())
        second = self.switchboard()
        second.terminate()
        self.assertEqual(second.wait(PATIENCE), 0)
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_a_killed_device_leaves_its_slot_to_the_next(self) -> None:
        self.switchboard()
        for _ in range(3):
            device = self.device()
            device.kill()
            device.wait(PATIENCE)

    def test_help_and_version(self) -> None:
        for arguments, told in ((["--version"], "bellwire "), (["--help"], "switchboard"),
                                (["switchboard", "--help"], "--slots"),
                                (["device", "--help"], "ivshmem:PATH")):
            with self.subTest(" ".join(arguments)):
                run = self.run_program(*arguments)
                self.assertEqual((run.returncode, run.stderr), (0, ""))
                self.assertIn(told, run.stdout)
