# SPDX-License-Identifier: BSD-3-Clause
"""What went wrong in a lab that nobody looked for: a kernel that warned, a request that hung, a
device that failed; and the tests that its guests reported."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bellwire import ktap
from bellwire.core.children import describe
from bellwire.labs.processes import SAID, Device, Process
from bellwire.report import logs
from bellwire.vms.vm import Vm

Lines = Sequence[tuple[str, Path]]  # each with the log that it is in
_REQUEST = re.compile(r"request (\d+): .*: ([^:]+)$")


@dataclass(frozen=True)
class Findings:
    """True if anything is wrong."""

    cases: Sequence[ktap.Case]  # the guests' test reports
    complaints: Lines  # of kernels
    hangs: Lines
    failures: Lines  # of devices
    interruptions: Lines  # requests that had to wait and lost nothing, processes that were stopped
    faults: Mapping[str, int]  # how often each was injected on purpose
    unreached: Lines  # plans of guests that changed nothing

    @property
    def failed(self) -> list[ktap.Case]:
        return [case for case in self.cases if case.outcome == "fail"]

    def __bool__(self) -> bool:
        return bool(self.complaints or self.hangs or self.failures or self.failed or self.unreached)

    def injected(self) -> str:
        """What went wrong on purpose, in a line; "" if nothing was to."""
        counts = ", ".join(f"{times} by '{rule}'" for rule, times in self.faults.items())
        return f"faults injected: {counts}" if counts else ""

    def lines(self) -> Iterator[str]:
        """One for each thing that is wrong."""
        for line, log in self.complaints:
            yield f"the guest's kernel says: {line}; see {log}"
        for line, log in [*self.hangs, *self.failures, *self.unreached]:
            yield f"{line}; see {log}"
        yield from map(line_of, self.failed)


def line_of(failed: ktap.Case) -> str:
    return f"failed: {failed.name}{': ' * bool(failed.reason)}{failed.reason}"


def find(devices: Sequence[Device], vms: Sequence[Vm], processes: Sequence[Process] = (),
         of_guests: Sequence[Mapping[str, int]] = ()) -> Findings:
    """Complete when they have ended. `processes`: all of the lab's, which may have been stopped.
    `of_guests`: faults that were injected into each."""
    return Findings(
        [case for vm in vms for case in _cases(vm)],
        [(line, log) for vm in vms for log in vm.consoles for line in logs.complaints(log)],
        _of_requests(devices, vms, logs.hangs),
        [(f"{device.what} {describe(failure)}: "
          f"{logs.last_line(device.log).removeprefix(SAID)}", device.log)
         for device in devices if (failure := device.failure)],
        [*_stops(processes), *_of_requests(devices, vms, logs.interruptions)],
        _faults(processes or devices, of_guests),
        [(f"nothing was injected: the command ended before '{next(iter(counts))}'", vm.console)
         for vm, counts in zip(vms, of_guests) if counts and not any(counts.values())])


def _faults(processes: Sequence[Process], of_guests: Sequence[Mapping[str, int]]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for each in [*(logs.faults(process.log) for process in processes), *of_guests]:
        counts.update(each)
    return dict(counts)


def _stops(processes: Sequence[Process]) -> Lines:
    return [(f"{process.what} was stopped (pid {pid}) when the run ended: kill -CONT {pid} would "
             "have let it go on", process.log)
            for process in processes if (pid := process.stopped)]


def _cases(vm: Vm) -> list[ktap.Case]:
    """The cases of the guest's test report; one that cannot be read is a failed case."""
    text = vm.reported()
    unread = [ktap.Case("report", "fail", f"neither KTAP nor TAP: {vm.results.path}")]
    return ktap.parse(text) or (unread if text.strip() else [])


def _of_requests(devices: Sequence[Device], vms: Sequence[Vm],
                 find: Callable[[Path], list[str]]) -> Lines:
    """What `find` finds in the logs of the devices and of the command. A request that both of its
    sides report counts once: the device names its queue, too."""
    found: dict[object, tuple[str, Path]] = {}
    for log in [*(device.log for device in devices), *(vm.stderr.path for vm in vms)]:
        for line in find(log):
            parts = _REQUEST.search(line)
            found.setdefault(parts.groups() if parts else line, (line, log))
    return list(found.values())
