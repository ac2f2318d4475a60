# SPDX-License-Identifier: BSD-3-Clause
"""The programs under test: the release build's, or those of the build that the environment names.

    BELLWIRE_PROGRAM     the path of `bellwire`; bellwire-bench is the one of the same build
    BELLWIRE_SANITIZERS  a folder for the reports of its sanitizers; any there fails the test

A program that isn't there is a failure, not a reason to skip.
"""

import os
import signal
import subprocess
import unittest
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(os.environ.get("BELLWIRE_PROGRAM") or ROOT / "build/release/host/bellwire")
BENCH = PROGRAM.parent / "bench/bellwire-bench"
REPORTS = os.environ.get("BELLWIRE_SANITIZERS")
TSAN = "TSAN_OPTIONS" in os.environ  # and it is ThreadSanitizer
SLOWER = 5 if REPORTS else 1  # times, with sanitizers

if not os.access(PROGRAM, os.X_OK):
    raise FileNotFoundError(f"no program to test at {PROGRAM}: run scripts/build bellwire")


def reports() -> set[Path]:
    return set(Path(REPORTS).iterdir()) if REPORTS else set()


def pipe(stream: IO[str] | None) -> IO[str]:
    """A stream of a process that was started with a pipe for it."""
    assert stream
    return stream


def pause(process: subprocess.Popen[str]) -> None:
    """Stops a child, and returns when all its threads have stopped."""
    process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)


class Checked(unittest.TestCase):
    """Fails for a sanitizer's report of any process that the test started."""

    def setUp(self) -> None:
        super().setUp()
        self.addCleanup(self._check_reports, reports())  # the first added runs last

    def _check_reports(self, before: set[Path]) -> None:
        for path in reports() - before:
            self.fail(f"{path.name}:\n{path.read_text(errors='replace')}")
