# SPDX-License-Identifier: BSD-3-Clause
"""What the programs do when the system has no more of something: each says what is missing and how to
get it, in one line, and leaves nothing behind. Descriptors: programs_test.py; a full disk:
output_test.py; a log that nobody reads: resilience_test.py."""

import os
import resource
import subprocess
import unittest
from collections.abc import Callable
from pathlib import Path

from program import REPORTS, pipe
from programs_test import FAILED, PATIENCE, ProgramCase, served

OWN_USER = (1 << 29) + os.getpid()  # has no other process, so that a limit of them can be reached


def limited(what: int, value: int, own_user: bool = False) -> Callable[[], None]:
    """For a child, before it becomes the program."""
    def limit() -> None:
        if own_user and os.getuid() == 0:
            os.setgroups([])
            os.setgid(OWN_USER)
            os.setuid(OWN_USER)
        resource.setrlimit(what, (value, value))
    return limit


@unittest.skipIf(REPORTS, "sanitizers take threads and memory of their own")
class Exhaustion(ProgramCase):
    def under(self, limit: Callable[[], None], *words: str | Path) -> subprocess.CompletedProcess[str]:
        return self.run_program(*words, preexec_fn=limit)

    def assert_said(self, run: subprocess.CompletedProcess[str], *words: str) -> None:
        self.assert_refused(FAILED, words, run)
        self.assertEqual(list(self.folder.iterdir()), [])

    @unittest.skipIf(os.getuid() != 0, "only root becomes a user who has no other process")
    def test_no_threads(self) -> None:
        self.folder.chmod(0o777)
        for most in range(1, 5):
            with self.subTest(most):
                run = self.under(limited(resource.RLIMIT_NPROC, most, own_user=True), "device", "delay",
                                 "--on", "in-process:rings=10", "--control", self.folder / "control")
                if run.returncode != 0:
                    self.assert_said(run, "cannot start a thread", "ulimit -u")
        self.assertEqual(run.returncode, 0, run.stderr)  # in the end there are enough

    def test_no_memory_for_the_rings(self) -> None:
        run = self.under(limited(resource.RLIMIT_AS, 300 << 20), "switchboard", "--socket", self.socket,
                         "--memory", "512M")
        self.assert_said(run, "536870912 bytes", "Cannot allocate memory", "ulimit -v")

    def test_files_may_not_be_as_large_as_the_memory(self) -> None:
        for words in ("switchboard", "--socket", str(self.socket)), ("device", "echo", "--on", "in-process"):
            with self.subTest(words[0]):
                run = self.under(limited(resource.RLIMIT_FSIZE, 4096), *words)
                self.assert_said(run, "cannot size shared memory", "File too large", "ulimit -f")

    def test_a_recording_that_grows_past_the_limit_ends_alone(self) -> None:
        kept = self.folder / "kept.rec"
        run = self.under(limited(resource.RLIMIT_FSIZE, 8 << 20), "device", "echo", "--on",
                         "in-process:rings=100000", "--record", kept)
        self.assertIn("100000 answered, 0 lost", run.stdout)
        self.assertIn("File too large", run.stderr)
        again = self.run_program("replay", kept)
        self.assertRegex(again.stdout, "requests, .* the same")

    def test_any_signal_that_ends_it_leaves_nothing(self) -> None:
        for number in ("INT", "TERM", "HUP"):
            with self.subTest(number):
                process = self.start("switchboard", "--socket", self.socket)
                self.until(lambda: served(self.socket))
                subprocess.run(["kill", f"-{number}", str(process.pid)], check=True)
                self.assertEqual(process.wait(PATIENCE), 0, pipe(process.stderr).read())
                self.assertEqual(list(self.folder.iterdir()), [])

    def test_signals_that_mean_nothing_change_nothing(self) -> None:
        process = self.start("switchboard", "--socket", self.socket)
        self.until(lambda: served(self.socket))
        for number in ("PIPE", "CHLD", "WINCH", "CONT", "URG", "TSTP", "CONT"):
            subprocess.run(["kill", f"-{number}", str(process.pid)], check=True)
        self.assertIsNone(process.poll())
        self.device().terminate()


if __name__ == "__main__":
    unittest.main()
