# SPDX-License-Identifier: BSD-3-Clause
import os
import signal
import sys
import tempfile
import time
import unittest
from collections.abc import Callable
from pathlib import Path

from bellwire.core.forks import Fork


def speak() -> int:
    print("to stdout")
    os.write(2, b"to stderr\n")
    print(os.read(0, 1))
    return 3


def sleep() -> int:
    time.sleep(4321)
    return 0


def fail() -> int:
    raise AssertionError("one is not two")


class ForkTest(unittest.TestCase):
    def setUp(self) -> None:
        self.log = Path(self.enterContext(tempfile.TemporaryDirectory()), "log")

    def end_of(self, work: Callable[[], int]) -> tuple[int, str]:
        status = Fork(work, self.log).wait(60)
        return status, self.log.read_text()

    def test_its_streams_and_its_status(self) -> None:
        self.assertEqual(self.end_of(speak), (3, "to stdout\nto stderr\nb''\n"))

    def test_an_exception_ends_it_alone(self) -> None:
        status, said = self.end_of(fail)
        self.assertEqual(status, 1)
        self.assertIn("AssertionError: one is not two", said)

    def test_so_do_exits(self) -> None:
        self.assertEqual(self.end_of(lambda: sys.exit(7))[0], 7)
        self.assertEqual(self.end_of(lambda: sys.exit("why"))[0], 1)

    def test_what_kills_it_is_its_status(self) -> None:
        child = Fork(sleep, self.log)
        self.assertIsNone(child.status)
        child.kill()
        self.assertEqual(child.status, -signal.SIGKILL)

    def test_it_takes_signals_in_a_group_of_its_own(self) -> None:
        def wait() -> int:
            signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(5))
            print(os.getpgid(0) == os.getpid(), flush=True)
            return sleep()

        child = Fork(wait, self.log)
        while not self.log.read_text():
            self.assertIsNone(child.status)
            time.sleep(0.01)
        self.assertEqual((child.stop(60), self.log.read_text()), (5, "True\n"))
