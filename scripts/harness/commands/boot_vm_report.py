# SPDX-License-Identifier: BSD-3-Clause
"""What a run of boot-vm found: one verdict of all of it, and how it is shown and written."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from bellwire import ktap
from bellwire.core import messages
from bellwire.core.children import describe
from bellwire.labs.lab import Lab
from bellwire.labs.processes import SAID, Process
from bellwire.report import logs, results
from bellwire.vms.verdict import FOUND, HIGHEST, Verdict
from bellwire.vms.vm import Vm

Lines = Sequence[tuple[str, Path]]  # each with the log that it is in
_REQUEST = re.compile(r"request (\d+): .*: ([^:]+)$")


class Report:
    def __init__(self, lab: Lab, vm: Vm, verdict: Verdict, lenient: bool) -> None:
        self.cases = _cases(vm)
        self.complaints: Lines = [(line, log) for log in vm.consoles for line in
                                  logs.complaints(log)]
        self.hangs = _of_requests(lab, vm, logs.hangs)
        self.failures = [(f"{device.what} {describe(device.status)}: "
                          f"{logs.last_line(device.log).removeprefix(SAID)}", device.log)
                         for device in lab.devices if device.status]
        self.interruptions = _of_requests(lab, vm, logs.interruptions)
        self.verdict = verdict if lenient else judged(verdict, self.cases, self.complaints,
                                                      self.hangs, self.failures)
        self.folder = lab.folder
        self._lab, self._vm = lab, vm

    def show(self) -> None:
        """Prints what the user should know beyond the command's own output."""
        for line, log in self.complaints:
            messages.say(f"the guest's kernel says: {line}; see {log}")
        for line, log in [*self.hangs, *self.interruptions, *self.failures]:
            messages.say(f"{line}; see {log}")
        for case in self.cases:
            if case.outcome == "fail":
                messages.say(f"failed: {case.name}{': ' * bool(case.reason)}{case.reason}")
        verdict = self.verdict
        if verdict.status > HIGHEST or verdict.status != (verdict.command_status or 0):
            messages.say(verdict.reason)
        if verdict.status and (self.complaints or self.hangs or self.failures
                               or self.cases):
            messages.say(f"all that was kept of the run: {self.folder}")

    def facts(self) -> dict[str, object]:
        """For result.json."""
        vm = self._vm
        return {"status": self.verdict.status, "command_status": self.verdict.command_status,
                "reason": self.verdict.reason, "folder": str(self.folder), "boot_ms": vm.boot_ms,
                "boots": vm.boots, "resumed": vm.resumed, "ktap": ktap.count(self.cases),
                "complaints": _texts(self.complaints), "hangs": _texts(self.hangs),
                "interruptions": _texts(self.interruptions),
                "devices": [_process(device) | {"name": device.name}
                            for device in self._lab.devices],
                "served": [_process(program) | {"starts": program.starts}
                           for program in self._lab.programs]}

    def junit(self) -> list[results.Case]:
        """The run itself, each test of its report, and each thing that was found beside them."""
        status = self.verdict.command_status
        ended = [results.Case("the command ends well", "pass" if status == 0 else "fail",
                              "" if status == 0 else self.verdict.reason)]
        tests = [results.Case(case.name, case.outcome, case.reason) for case in self.cases]
        found = [results.Case(line, "fail", f"{line}\n{log}")
                 for line, log in [*self.complaints, *self.hangs, *self.failures]]
        return [case.inside("boot-vm") for case in [*ended, *tests, *found]]


def _process(process: Process) -> dict[str, object]:
    return {"command": process.argv, "log": process.log.name, "status": process.status}


def judged(verdict: Verdict, cases: Sequence[ktap.Case], complaints: Lines, hangs: Lines,
           failures: Lines = ()) -> Verdict:
    """The verdict with all that was found: it turns status 0 into a failure."""
    if verdict.status:
        return verdict
    found = [f"{failed} of {len(cases)} tests in its report failed"
             ] if (failed := ktap.count(cases)["fail"]) else []
    found += [f"the guest's kernel complained {_times(complaints)}"] if complaints else []
    found += [f"{len(hangs)} request{'s' * (len(hangs) > 1)} hung"] if hangs else []
    found += [f"{len(failures)} device{'s' * (len(failures) > 1)} failed"] if failures else []
    if not found:
        return verdict
    return replace(verdict, status=FOUND,
                   reason=f"the command ended with 0, but {' and '.join(found)}")


def _times(lines: Lines) -> str:
    return "once" if len(lines) == 1 else f"{len(lines)} times"


def _texts(lines: Iterable[tuple[str, Path]]) -> list[str]:
    return [line for line, _ in lines]


def _cases(vm: Vm) -> list[ktap.Case]:
    """The cases of the guest's test report; one that cannot be read is a failed case."""
    report = vm.results.path
    text = report.read_text(errors="replace") if report.exists() else ""
    unread = [ktap.Case("report", "fail", f"neither KTAP nor TAP: {report}")]
    return ktap.parse(text) or (unread if text.strip() else [])


def _of_requests(lab: Lab, vm: Vm, find: Callable[[Path], list[str]]) -> Lines:
    """What `find` finds in the logs of the devices and of the command. A request that both of its
    sides report counts once: the device names its queue, too."""
    found: dict[object, tuple[str, Path]] = {}
    for log in [*(device.log for device in lab.devices), vm.stderr.path]:
        for line in find(log):
            parts = _REQUEST.search(line)
            found.setdefault(parts.groups() if parts else line, (line, log))
    return list(found.values())
