# SPDX-License-Identifier: BSD-3-Clause
"""What a test's labs are at, from their start to the verdict, and what is said of a failed test."""

import json
import os
import shlex
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from bellwire import ktap
from bellwire.core.places import HarnessError
from bellwire.labs import findings, guest_faults
from bellwire.labs.lab import Lab
from bellwire.labs.processes import Device
from bellwire.labs.trace import Trace
from bellwire.report import logs

CONSOLE = 30  # lines shown of a console,
LOG = 10  # and of a process's log
OPTIONS = ("kernel", "transport", "accelerator", "qemu", "no_skip", "runs")


@dataclass
class Faults:
    """What goes wrong on purpose, and what is then no failure. A plan is that of `bellwire device
    --fault` (docs/faults.md); it becomes an option of a device's process."""

    labs: list[Lab]
    expected: list[str] = field(default_factory=list)

    def inject(self, plan: str, *, device: int | None = None) -> None:
        """Lets faults happen to a device's doorbells and interrupts, or each device's, when it
        starts, as in inject("delay interrupt 1/10 50us..2ms"), and to guests from now on, as in
        inject("freeze guest every 2s 50ms"). Beside the fixture `vm`, which has started the devices,
        use the marker fault()."""
        targets = self._targets("inject", f'"{plan}"', ["--fault", plan], device,
                                f"@pytest.mark.fault({json.dumps(plan)})"
                                ) if guest_faults.split(plan).device else []
        for lab in self.labs:
            lab.inject(plan, [target for target in targets if target in lab.devices])

    def drop(self, *, doorbell: int | None = None, interrupt: int | None = None,
             device: int | None = None) -> None:
        """Lets a device lose its Nth doorbell or interrupt, or each device, when it starts. Beside
        the fixture `vm`, which has started them, use the marker drop()."""
        wanted = [f"{wire}={number}" for wire, number in (("doorbell", doorbell),
                                                          ("interrupt", interrupt)) if number]
        if len(wanted) != 1:
            raise HarnessError("drop(): name one wire and its Nth signal, as in drop(doorbell=5)")
        options = ["--drop", wanted[0]]
        for target in self._targets("drop", wanted[0], options, device,
                                    f"@pytest.mark.drop({wanted[0]})"):
            target.add_options(options)

    def _targets(self, call: str, given: str, options: list[str], device: int | None, marker: str
                 ) -> list[Device]:
        """The devices that take these options when they start."""
        devices = [device for lab in self.labs for device in lab.devices]
        if not devices:
            raise HarnessError(f"{call}({given}): the lab has no device of bellwire's; a program that "
                               "bellwire::device_main runs takes it on its own command line: "
                               f"device(\"PROGRAM … {shlex.join(options)}\")")
        targets = devices if device is None else [devices[device]]
        for target in targets:
            if target.pid:
                raise HarnessError(f"{target.what} runs already: {call}() before lab.boot(), or mark "
                                   f"the test with {marker}")
        return targets

    def injected(self) -> dict[str, int]:
        """How often each rule of the plans was carried out, by the devices that have ended: stop()
        one first, or the lab."""
        counts: Counter[str] = Counter()
        for lab in self.labs:
            counts.update(lab.findings().faults)
        return dict(counts)

    def expect(self, text: str) -> None:
        """The test must end with a finding that has this text, such as "lost doorbell"; those that
        have it fail nothing."""
        self.expected.append(text)


class Run:
    def __init__(self) -> None:
        self.labs: list[Lab] = []
        self.faults = Faults(self.labs)
        self.trace: Trace | None = None

    def end(self) -> None:
        """Ends all that runs; the logs are complete then. Idempotent."""
        if self.trace:
            self.trace.stop()
        for lab in reversed(self.labs):
            lab.__exit__(None, None, None)

    def wrong(self) -> list[str]:
        """A line for each thing that the test did not expect, or expected in vain."""
        lines = [line for lab in self.labs for line in lab.findings().lines()]
        return [*(line for line in lines if not self._expects(line)),
                *(f"nothing was found of what was expected: '{text}'" for text in self.faults.expected
                  if not any(text in line for line in lines))]

    def reported(self) -> list[ktap.Case]:
        """The tests that the guests reported, but for failures that the test expects."""
        return [case for lab in self.labs for case in lab.findings().cases
                if case.outcome != "fail" or not self._expects(findings.line_of(case))]

    def _expects(self, line: str) -> bool:
        return any(text in line for text in self.faults.expected)

    def sections(self) -> Iterator[tuple[str, str]]:
        """Titles and texts for the report of a failed test."""
        for lab in self.labs:
            yield from _sections(lab)
            yield "bellwire: all that was kept of the run", str(lab.folder)


def _sections(lab: Lab) -> Iterator[tuple[str, str]]:
    if hangs := lab.findings().hangs:
        yield "bellwire: requests that hung", "\n".join(line for line, _ in hangs)
    for vm in lab.vms:
        for console in vm.consoles:
            if lines := logs.last_lines(console, CONSOLE, "Kernel panic - not syncing: NMI"):
                yield f"bellwire: the end of {console}", "\n".join(lines)
        if lines := logs.last_lines(vm.folder / "qemu.log", LOG):
            yield f"bellwire: the end of {vm.folder}/qemu.log", "\n".join(lines)
    for process in lab.processes:
        if lines := logs.last_lines(process.log, LOG):
            yield f"bellwire: {process.what}, the end of {process.log}", "\n".join(lines)


RUN = pytest.StashKey[Run]()


def repeat(item: pytest.Item) -> str:
    """The line that runs that test again, alone, where it ran and by the same Python."""
    folder = item.config.invocation_params.dir
    file, _, test = item.nodeid.partition("::")
    words = [sys.executable, "-m", "pytest"]
    if "bellwire.plugin" in (item.config.getoption("plugins") or []):
        words += ["-p", "bellwire.plugin"]
    for name in OPTIONS:
        value = item.config.getoption(f"bellwire_{name}")
        if value is True:
            words.append(f"--bellwire-{name.replace('_', '-')}")
        elif value:
            words.append(f"--bellwire-{name}={value}")
    if path := os.environ.get("PYTHONPATH"):
        words[:0] = ["env", "PYTHONPATH=" + os.pathsep.join(map(os.path.abspath, path.split(":")))]
    words.append(f"{os.path.relpath(item.config.rootpath / file, folder)}::{test}")
    return f"cd {shlex.quote(str(folder))} && {shlex.join(words)}"
