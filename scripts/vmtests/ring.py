# SPDX-License-Identifier: BSD-3-Clause
"""`bell ring` in a VM, as the suites that pytest runs use it."""

from typing import Any

from bellwire import Completed, Vm
from vmtests.case import LIMIT, figures

Figures = dict[str, Any]  # of a run


def ring(vm: Vm, words: str) -> list[Figures]:
    """Rings, and checks that all is well: each run's rings are completed once, and none is lost."""
    return completed(vm.run(f"bell ring --ktap {words}", LIMIT))


def reported(done: Completed) -> None:
    """Checks that the command ended well, and that each test of its report passed or was skipped."""
    assert done.status == 0 and done.tests, f"{done.status}: {done.stdout}{done.stderr}"
    assert [test for test in done.tests if test.outcome == "fail"] == []


def completed(done: Completed) -> list[Figures]:
    """The figures of each run, checked."""
    runs = figures(done.stdout)
    assert done.status == 0 and runs, f"{done.status}: {done.stdout}{done.stderr}"
    for run in runs:
        assert 0 < run["rings"] == run["completions"], run
        assert (run["lost"], run["duplicated"], run["corrupted"]) == (0, 0, 0), run
    return runs
