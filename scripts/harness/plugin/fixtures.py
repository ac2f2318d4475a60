# SPDX-License-Identifier: BSD-3-Clause
"""The fixtures, and what each reads of a test's markers and of the command line."""

import functools
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from bellwire.core.places import HarnessError, Missing
from bellwire.face import lab as face
from bellwire.face.matrix import Cell
from bellwire.image import kernel, overlay
from bellwire.image.modules import Own
from bellwire.image.overlay import Share
from bellwire.labs.lab import Lab
from bellwire.labs.processes import Process
from bellwire.labs.trace import Trace
from bellwire.plugin import subtests
from bellwire.plugin.run import RUN, Faults, Run
from bellwire.plugin.subtests import Subtests
from bellwire.vms import accel, toolbox
from bellwire.vms.vm import Vm

# Of the marker machine.
OF_LAB = ("cpus", "memory", "vectors", "guests", "cold", "device_options", "qemu", "qemu_args", "append",
          "shared_memory")
OF_VM = ("drivers", "modules", "shares")


@pytest.fixture
def bellwire_cell(request: pytest.FixtureRequest) -> Cell:
    """Of the matrix, if there is one."""
    return getattr(request, "param", Cell())


def _chosen(request: pytest.FixtureRequest, cell: Cell, name: str, default: str) -> str:
    """The cell's value, or else one of the marker's, or else the option's."""
    if in_cell := cell.facts().get(name):
        return in_cell
    if hasattr(request, "param"):
        return str(request.param)
    marker = request.node.get_closest_marker(name)
    if marker and marker.args:
        return str(marker.args[0])
    return str(request.config.getoption(f"bellwire_{name}") or default)


@pytest.fixture
def bellwire_kernel(request: pytest.FixtureRequest, bellwire_cell: Cell) -> str:
    return _chosen(request, bellwire_cell, "kernel", kernel.DEFAULT)


@pytest.fixture
def bellwire_transport(request: pytest.FixtureRequest, bellwire_cell: Cell) -> str:
    return _chosen(request, bellwire_cell, "transport", "ivshmem")


@pytest.fixture
def bellwire_accelerator(request: pytest.FixtureRequest, bellwire_cell: Cell) -> str:
    wanted = _chosen(request, bellwire_cell, "accelerator", "auto")
    if wanted not in accel.CHOICES:
        raise HarnessError(f"accelerator '{wanted}': choose one of {', '.join(accel.CHOICES)}")
    return wanted


class Labs:
    """The fixture `labs`."""

    def __init__(self, request: pytest.FixtureRequest, usual: dict[str, Any], run: Run,
                 open_labs: ExitStack) -> None:
        self._request, self._usual, self._run, self._open = request, usual, run, open_labs

    def make(self, devices: Sequence[str] | None = None, **words: Any) -> Lab:
        """A lab as `bellwire.lab()` makes it, in which nothing runs yet. What the words don't say is as
        the test is marked, or as the command line says."""
        chosen = {**self._usual, **words}
        if devices is not None:
            chosen["devices"] = devices
        try:
            made = face.lab(folder=self.folder(), **chosen)
        except Missing as missing:
            if self._request.config.getoption("bellwire_no_skip"):
                raise
            pytest.skip(str(missing))
        return self.add(made)

    def add(self, lab: Lab) -> Lab:
        """A lab that was made otherwise ends with the test, and is judged with it."""
        self._open.enter_context(lab)
        self._run.labs.append(lab)
        if dropped := _marked(self._request, "drop", ("doorbell", "interrupt", "device")):
            Faults([lab]).drop(**dropped)
        for marker in reversed(list(self._request.node.iter_markers("fault"))):
            Faults([lab]).inject(_plan(marker), device=marker.kwargs.get("device"))
        return lab

    def folder(self) -> Path:
        """A new one, for a lab's logs."""
        if not self._run.labs:
            return self._first_folder
        return Path(tempfile.mkdtemp(prefix="lab-", dir=self._first_folder))

    @functools.cached_property
    def _first_folder(self) -> Path:
        return _folder(self._request)


@pytest.fixture
def labs(request: pytest.FixtureRequest, bellwire_cell: Cell, bellwire_kernel: str,
         bellwire_transport: str, bellwire_accelerator: str) -> Iterator[Labs]:
    """Makes labs while the test runs: several, or one by what the test found out."""
    words = _marked(request, "machine", OF_LAB + OF_VM)
    usual = {
        "devices": _devices(request, bellwire_cell), "transport": bellwire_transport,
        "kernel": bellwire_kernel, "accelerator": bellwire_accelerator,
        "qemu": bellwire_cell.qemu or request.config.getoption("bellwire_qemu") or toolbox.PROGRAM,
        **{name: words[name] for name in OF_LAB if name in words}}
    run = request.node.stash[RUN] = Run()
    with ExitStack() as open_labs:
        yield Labs(request, usual, run, open_labs)


@pytest.fixture
def lab(labs: Labs) -> Lab:
    """A lab with the devices that the test is marked with, in which nothing runs yet."""
    return labs.make()


@pytest.fixture
def subtest(request: pytest.FixtureRequest) -> Subtests:
    """Makes tests within the test."""
    return subtests.of(request.node)


def _devices(request: pytest.FixtureRequest, cell: Cell) -> list[str] | None:
    """Those that the test is marked with, or else the cell's; None: the transport's first."""
    marker = request.node.get_closest_marker("device")
    return list(marker.args) if marker else [cell.device] if cell.device else None


@pytest.fixture
def vm(request: pytest.FixtureRequest, lab: Lab) -> Vm:
    """A VM that has booted, for vm.run(). The lab's devices run."""
    words = _marked(request, "machine", OF_LAB + OF_VM)
    shares = [Share.parse(str(word)) for word in words.get("shares", ())]
    overlay.check_shares(shares, lab.config.memory)
    return lab.boot(drivers=words.get("drivers", ()), shares=shares,
                    own=[Own.parse(str(word)) for word in words.get("modules", ())])


@pytest.fixture
def device(lab: Lab) -> Process:
    """The first device of the lab, or the first program of yours. It runs when `vm` is there, or
    from lab.boot() or lab.start() on."""
    found = [*lab.devices, *lab.programs]
    if not found:
        raise HarnessError("the test asks for a device, and is marked to have none")
    return found[0]


@pytest.fixture
def faults(request: pytest.FixtureRequest, labs: Labs) -> Faults:
    """What goes wrong on purpose."""
    run: Run = request.node.stash[RUN]
    return run.faults


@pytest.fixture
def trace(request: pytest.FixtureRequest, lab: Lab, vm: Vm) -> Trace:
    """A recording of the first device, which has begun; reading it ends it."""
    run: Run = request.node.stash[RUN]
    run.trace = lab.trace()
    run.trace.start()
    return run.trace


def _marked(request: pytest.FixtureRequest, name: str, known: tuple[str, ...]) -> dict[str, Any]:
    """The keyword arguments of that marker; those of the test go before those of its class."""
    words: dict[str, Any] = {}
    for marker in reversed(list(request.node.iter_markers(name))):
        words |= marker.kwargs
    if unknown := sorted(set(words) - set(known)):
        raise HarnessError(f"@pytest.mark.{name}: there is no '{unknown[0]}', but "
                           f"{', '.join(known)}")
    return words


def _plan(marker: pytest.Mark) -> str:
    if len(marker.args) != 1 or set(marker.kwargs) - {"device"}:
        raise HarnessError('@pytest.mark.fault: give one plan, as in fault("drop interrupt 1/100"), '
                           "and perhaps device=N")
    return str(marker.args[0])


def _folder(request: pytest.FixtureRequest) -> Path:
    """For the run's logs: below --bellwire-runs one that has the test's name, else pytest's own."""
    name: str = re.sub(r"[^\w.-]+", "-", request.node.name).strip("-")[:80]
    if not (runs := request.config.getoption("bellwire_runs")):
        temporary: pytest.TempPathFactory = request.getfixturevalue("tmp_path_factory")
        return temporary.mktemp(name)
    folder = Path(runs).absolute() / Path(request.node.path).stem / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
