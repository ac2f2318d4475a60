# SPDX-License-Identifier: BSD-3-Clause
"""Tests that pytest runs, in this process, as cases.

A process of its own would take a second to begin. What the tests import stays here, so this is for a
step's process, which is forked from one that has imported the plugin already.
"""

import os
import signal
from pathlib import Path

import pytest

import bellwire.plugin
from bellwire.report.results import Case
from .pytests import words

# Plugins of pytest that take time and are not needed here.
LEFT_OUT = ("cacheprovider", "debugging", "doctest", "faulthandler", "junitxml", "legacypath", "logging",
            "nose", "pastebin", "recwarn", "setuponly", "setupplan", "stepwise", "threadexception",
            "unittest", "unraisableexception", "warnings")
OPTIONS = ("-q", *(word for name in LEFT_OUT for word in ("-p", f"no:{name}")))
NONE_INSTALLED = "PYTEST_DISABLE_PLUGIN_AUTOLOAD"  # in the environment: none is looked for on the machine


class _Cases:
    """A plugin of pytest that collects what it reports. A test is set up, called and torn down, and
    the worst of these is its outcome."""

    def __init__(self) -> None:
        self.found: dict[str, Case] = {}  # by the test
        self._seconds: dict[str, float] = {}

    def pytest_configure(self) -> None:
        """A pytest that a test runs looks for them."""
        del os.environ[NONE_INSTALLED]

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.found[report.nodeid] = Case(report.nodeid, "fail", _said(report))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        test = report.nodeid
        self._seconds[test] = seconds = self._seconds.get(test, 0) + report.duration
        if report.failed:
            before = f"{self.found[test].reason}\n" if test in self.found else ""
            self.found[test] = Case(_title(test), "fail", f"{before}{_said(report)}", seconds)
        elif report.skipped:
            assert isinstance(report.longrepr, tuple)
            self.found[test] = Case(_title(test), "skip", report.longrepr[2], seconds)
        elif report.when == "call":
            self.found[test] = Case(_title(test), seconds=seconds)


def _said(report: pytest.CollectReport | pytest.TestReport) -> str:
    return "\n".join([report.longreprtext,
                      *(f"-- {title} --\n{text}" for title, text in report.sections)])


def _title(test: str) -> str:
    """Of the test's function in words, and what stands behind it in brackets."""
    head, _, brackets = test.rpartition(".py::")[2].partition("[")
    return f"{words(head.rstrip())} [{brackets}" if brackets else words(head)


def run(*arguments: str | Path) -> list[Case]:
    cases = _Cases()
    os.environ[NONE_INSTALLED] = "1"
    before = signal.signal(signal.SIGTERM, lambda *_: pytest.exit("it was asked to end"))
    try:
        status = pytest.main([*OPTIONS, *map(str, arguments)], [bellwire.plugin, cases])
    finally:
        signal.signal(signal.SIGTERM, before)
    found = list(cases.found.values())
    if status not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        found.append(Case("pytest", "fail", f"it ended with {pytest.ExitCode(status).name}"))
    return found
