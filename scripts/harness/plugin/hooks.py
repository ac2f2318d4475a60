# SPDX-License-Identifier: BSD-3-Clause
"""The hooks: options and markers, a test for each value of a marker, the verdict, the reports."""

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from bellwire.core.places import HarnessError
from bellwire.face import matrix
from bellwire.face.matrix import Cell
from bellwire.plugin import subtests
from bellwire.plugin.run import RUN, Run, repeat

CELLS = pytest.StashKey[list[Cell]]()
CHOICES = ("kernel", "transport", "accelerator")
MARKERS = (
    "kernel(*versions): the guest's kernel, as boot-vm's --kernel; a test for each",
    "transport(*words): how devices are connected, as boot-vm's --transport; a test for each",
    "accelerator(*names): what runs the VM, as boot-vm's --accel; a test for each",
    "device(*words): the lab's devices, as boot-vm's --device or --serve name them",
    "machine(cpus, memory, vectors, guests, cold, device_options, qemu, qemu_args, append, "
    "shared_memory, drivers, modules, shares): the VM",
    "fault(plan, device=all): what goes wrong with each device's signals, as boot-vm's --fault",
    "drop(doorbell=N or interrupt=N, device=all): what each device loses",
    "lenient: the test alone says whether it passes, whatever went wrong beside it",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("bellwire", "bellwire: VMs with devices")
    for name, what in (("kernel", "the guest's kernel"), ("transport", "the transport"),
                       ("accelerator", "the accelerator")):
        group.addoption(f"--bellwire-{name}", dest=f"bellwire_{name}", metavar="WORD",
                        help=f"{what} of tests that are not marked with one")
    group.addoption("--bellwire-qemu", dest="bellwire_qemu", metavar="PATH",
                    help="the QEMU to run; toolbox: a newer one of Debian's, fetched once")
    group.addoption("--bellwire-matrix", dest="bellwire_matrix", metavar="FILE",
                    help="run each test in each cell of this matrix, as scripts/matrix writes it; a "
                         "test that is marked runs in the cells that suit its markers")
    group.addoption("--bellwire-cell", dest="bellwire_cell", metavar="CELL",
                    help="of the matrix only the cell of that name; or without one, this cell, as JSON")
    group.addoption("--bellwire-runs", dest="bellwire_runs", metavar="DIR",
                    help="keep the logs of runs here, instead of among pytest's temporary files")
    group.addoption("--bellwire-no-skip", dest="bellwire_no_skip", action="store_true",
                    help="what this machine does not have fails a test, instead of skipping it")


def pytest_configure(config: pytest.Config) -> None:
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    config.stash[CELLS] = _cells(config)
    if not hasattr(config, "workerinput"):  # a process of xdist's, whose reports come together in ours
        config.pluginmanager.register(Reporter(config))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    cells = metafunc.config.stash[CELLS] if "bellwire_cell" in metafunc.fixturenames else []
    if cells:
        suited = [cell for cell in cells if _suits(metafunc.definition, cell)]
        metafunc.parametrize("bellwire_cell", suited, ids=[cell.name for cell in suited],
                             indirect=True)
    for name in CHOICES:
        if any(cell.facts().get(name) for cell in cells):
            continue  # the cells have chosen
        marker = next(metafunc.definition.iter_markers(name), None)
        if marker and len(marker.args) > 1 and f"bellwire_{name}" in metafunc.fixturenames:
            metafunc.parametrize(f"bellwire_{name}", marker.args, indirect=True)


def _cells(config: pytest.Config) -> list[Cell]:
    """Of the matrix on the command line; none: there is no such option."""
    file, name = config.getoption("bellwire_matrix"), config.getoption("bellwire_cell")
    if not file and not name:
        return []
    try:
        cells = matrix.read(Path(file)) if file else [matrix.parse(name)]
    except HarnessError as error:
        raise pytest.UsageError(str(error)) from None
    chosen = [cell for cell in cells if not file or name in (None, cell.name)]
    if not chosen:
        raise pytest.UsageError(f"--bellwire-cell {name}: {file} has no such cell, but "
                                f"{', '.join(cell.name for cell in cells)}")
    return chosen


def _suits(test: pytest.Item, cell: Cell) -> bool:
    """Whether the cell has, on each axis that the test is marked with, one of the marker's values."""
    values = cell.facts()
    markers = (test.get_closest_marker(axis) for axis in CHOICES)
    return all(values[marker.name] in marker.args for marker in markers
               if marker and marker.args and values.get(marker.name))


@pytest.hookimpl(trylast=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    """Runs after a test that passed: whatever else went wrong fails it."""
    wrong = [f"its subtest failed: {name}" for name in subtests.of(item).failed]
    run = _judged(item)
    if run:
        run.end()
        wrong += run.wrong()
    if wrong:
        pytest.fail("\n".join(["the test itself passed, but", *wrong]), pytrace=False)


def _judged(item: pytest.Item) -> Run | None:
    """What is at the test's labs, unless the test alone judges it."""
    return item.stash[RUN] if RUN in item.stash and not item.get_closest_marker("lenient") else None


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]
                              ) -> Generator[None, Any, None]:
    """Adds the subtests; says of a failed test where and how. One line of a HarnessError is enough,
    without our code."""
    outcome = yield
    report: pytest.TestReport = outcome.get_result()
    if report.when == "call":
        if run := _judged(item):
            subtests.of(item).each(run.reported())
        setattr(report, subtests.SENT, subtests.of(item).results)
    if report.failed and "labs" in getattr(item, "fixturenames", ()):
        _explain(item, call, report)


def _explain(item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport) -> None:
    if call.excinfo and isinstance(call.excinfo.value, HarnessError):
        where = call.excinfo.traceback.filter(_ours_not)
        last = where[-1] if where else None
        place = f"{last.path}:{last.lineno + 1}: " if last else ""
        report.longrepr = f"{place}bellwire: {call.excinfo.value}"
    if run := item.stash.get(RUN, None):
        report.sections += run.sections()
    report.sections.append(("bellwire: to repeat it", repeat(item)))


def _ours_not(entry: Any) -> bool:
    """Whether a line of a traceback is the user's: neither ours nor pytest's."""
    module = entry.frame.f_globals.get("__name__", "")
    return not module.startswith(("bellwire.", "_pytest.", "pluggy", "pytest"))


class Reporter:
    """Reports each subtest, before its test, where all reports come together."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        self._session = session

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for one in subtests.reports(report):
            if self._config.option.verbose > 0:  # the terminal then counts reports, to say how far it is
                self._session.testscollected += 1
            self._config.hook.pytest_runtest_logreport(report=one)
