# SPDX-License-Identifier: BSD-3-Clause
"""Python's unittest, with each test and each subtest as a case.

As a program, `python3 -m bellwire.suite.pytests FOLDER REPORT [PATTERN]`, it runs the tests of a
folder in a process of their own, with an environment of their own, and writes their cases as JUnit
has it.
"""

import sys
import time
import unittest
from pathlib import Path
from types import TracebackType

from bellwire.report import results
from bellwire.report.results import Case
from .step import Failed

OptExcInfo = tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None]


class _Collector(unittest.TestResult):
    """What the tests print is kept, and shown with those that fail."""

    def __init__(self) -> None:
        super().__init__()
        self.buffer = True
        self.cases: list[Case] = []

    def startTest(self, test: unittest.TestCase) -> None:
        super().startTest(test)
        self._began = time.monotonic()

    def addSuccess(self, test: unittest.TestCase) -> None:
        self._add(test)

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        self._add(test, "skip", reason)

    def addFailure(self, test: unittest.TestCase, error: OptExcInfo) -> None:
        super().addFailure(test, error)
        self._add(test, "fail", self.failures[-1][1])

    def addError(self, test: unittest.TestCase, error: OptExcInfo) -> None:
        super().addError(test, error)
        self._add(test, "fail", self.errors[-1][1])

    def addSubTest(self, test: unittest.TestCase, part: unittest.TestCase,
                   error: OptExcInfo | None) -> None:
        super().addSubTest(test, part, error)
        if error is None or error[0] is None:
            self._add(part)
        else:
            bad = self.failures if issubclass(error[0], test.failureException) else self.errors
            self._add(part, "fail", bad[-1][1])

    def _add(self, test: unittest.TestCase, outcome: str = "pass", reason: str = "") -> None:
        now = time.monotonic()
        self.cases.append(Case(name(test), outcome, reason, now - self._began))
        self._began = now


def name(test: unittest.TestCase) -> str:
    """In words: "test_the_guest_dies" is "the guest dies"."""
    parts = test.id().split(".")
    return " ".join([*parts[-2:-1], words(parts[-1])]) if len(parts) > 1 else test.id()


def words(name: str) -> str:
    return name.removeprefix("test_").replace("_", " ")


def run(suite: unittest.TestSuite) -> list[Case]:
    collector = _Collector()
    suite.run(collector)
    return collector.cases


def discover(folder: Path, pattern: str = "*_test.py") -> list[Case]:
    """The tests of all files below the folder whose names match."""
    suite = unittest.TestLoader().discover(str(folder), pattern, str(folder))
    if suite.countTestCases() == 0:
        raise Failed(f"no test in {folder}/{pattern}")
    return run(suite)


def named(module: str) -> list[Case]:
    """The tests of that module."""
    return run(unittest.TestLoader().loadTestsFromName(module))


if __name__ == "__main__":
    results.write(Path(sys.argv[2]), discover(Path(sys.argv[1]), *sys.argv[3:]))
