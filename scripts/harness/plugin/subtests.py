# SPDX-License-Identifier: BSD-3-Clause
"""Tests within a test: those that a guest reports, and those that the fixture `subtest` makes.

The report of the test carries what came of them, also from a process of pytest-xdist. Where all
reports come together, each becomes a report of its own, so that each is counted, shown, and a case of
JUnit's.
"""

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bellwire import ktap
from bellwire.core.places import HarnessError

Result = tuple[str, str, str, float]  # name, outcome, reason, seconds: what xdist can send
OUTCOMES = {"pass": "passed", "fail": "failed", "skip": "skipped"}
SENT = "bellwire_subtests"  # the attribute of the test's report


class Subtests:
    """The fixture `subtest`."""

    def __init__(self, item: pytest.Item) -> None:
        self._item = item
        self.results: list[Result] = []

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """What fails in it fails the test, when this has ended; the test goes on."""
        began, outcome, reason = time.monotonic(), "pass", ""
        try:
            yield
        except pytest.exit.Exception:
            raise
        except pytest.skip.Exception as skipped:
            outcome, reason = "skip", str(skipped)
        except (Exception, pytest.fail.Exception) as error:
            outcome, reason = "fail", self._explained(error)
        self.results.append((name, outcome, reason, time.monotonic() - began))

    def each(self, reported: Iterable[ktap.Case]) -> None:
        """Those of a report, such as `vm.run(…).tests`."""
        self.results += [(case.name, case.outcome, case.reason, 0.0) for case in reported]

    @property
    def failed(self) -> list[str]:
        return [name for name, outcome, *_ in self.results if outcome == "fail"]

    def _explained(self, error: BaseException) -> str:
        if isinstance(error, HarnessError):
            return f"bellwire: {error}"
        return str(self._item.repr_failure(pytest.ExceptionInfo.from_current()))


SUBTESTS = pytest.StashKey[Subtests]()


def of(item: pytest.Item) -> Subtests:
    return item.stash.setdefault(SUBTESTS, Subtests(item))


def reports(test: pytest.TestReport) -> Iterator[pytest.TestReport]:
    """Of those that the test's report carries. Those of one name are numbered."""
    seen: Counter[str] = Counter()
    for name, outcome, reason, seconds in getattr(test, SENT, ()):
        seen[name] += 1
        yield _report(test, name if seen[name] == 1 else f"{name} ({seen[name]})", outcome, reason,
                      seconds)


def _report(test: pytest.TestReport, name: str, outcome: str, reason: str, seconds: float
            ) -> pytest.TestReport:
    path, line, title = test.location
    report = pytest.TestReport(
        f"{test.nodeid} [{name}]", (path, line, f"{title} [{name}]"), {}, OUTCOMES[outcome],  # type: ignore[arg-type]
        (str(Path(path)), line or 0, reason) if outcome == "skip" else reason or None, "call",
        duration=seconds)
    if hasattr(test, "node"):  # of xdist
        setattr(report, "node", test.node)
    return report
