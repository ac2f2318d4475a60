# SPDX-License-Identifier: BSD-3-Clause
"""What a run of boot-vm found: one verdict of all of it, and how it is shown and written."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from bellwire import ktap
from bellwire.core import messages
from bellwire.labs.findings import Lines
from bellwire.labs.lab import Lab
from bellwire.labs.processes import Process
from bellwire.report import logs, results
from bellwire.vms.verdict import FOUND, HIGHEST, Verdict
from bellwire.vms.vm import Vm

CONSOLE = 8  # lines that are shown of it


class Report:
    def __init__(self, lab: Lab, vm: Vm, verdict: Verdict, lenient: bool) -> None:
        self.found = found = lab.findings()
        self.verdict = verdict if lenient else judged(verdict, found.cases, found.complaints,
                                                      found.hangs, found.failures, found.unreached)
        self.folder = lab.folder
        self._lab, self._vm = lab, vm

    def show(self) -> None:
        """Prints what the user should know beyond the command's own output."""
        found = self.found
        for line in found.lines():
            messages.say(line)
        for line, log in found.interruptions:
            messages.say(f"{line}; see {log}")
        if injected := found.injected():
            messages.say(injected)
        for device in self._lab.devices:
            if device.restarts:
                messages.say(f"{device.what} was started again {device.restarts} times")
        verdict = self.verdict
        if verdict.status > HIGHEST or verdict.status != (verdict.command_status or 0):
            messages.say(verdict.reason)
        if died := self._vm.post_mortem:
            for line in died.lines():
                messages.say(line)
        elif found.failed:
            for line in self._of_kernel():
                messages.say(f"console: {line}")
        if verdict.status and (found or found.cases or died):
            messages.say(f"all that was kept of the run: {self.folder}")

    def _of_kernel(self) -> Iterable[str]:
        """What the kernel said last: a driver there may say why a test failed."""
        return logs.last_lines(self._vm.consoles[-1], CONSOLE) if self._vm.consoles else ()

    def facts(self) -> dict[str, object]:
        """For result.json."""
        vm, found = self._vm, self.found
        return {"status": self.verdict.status, "command_status": self.verdict.command_status,
                "reason": self.verdict.reason, "folder": str(self.folder), "boot_ms": vm.boot_ms,
                "boots": vm.boots, "resumed": vm.resumed, "resets": vm.resets,
                "ktap": ktap.count(found.cases),
                "complaints": _texts(found.complaints), "hangs": _texts(found.hangs),
                "interruptions": _texts(found.interruptions), "faults": dict(found.faults),
                "post_mortem": vm.post_mortem.facts() if vm.post_mortem else None,
                "devices": [_process(device) | {"name": device.name, "restarts": device.restarts}
                            for device in self._lab.devices],
                "served": [_process(program) | {"starts": program.starts}
                           for program in self._lab.programs]}

    def junit(self) -> list[results.Case]:
        """The run itself, each test of its report, and each thing that was found beside them."""
        status = self.verdict.command_status
        ended = [results.Case("the command ends well", "pass" if status == 0 else "fail",
                              "" if status == 0 else self.verdict.reason)]
        tests = [results.Case(case.name, case.outcome, case.reason) for case in self.found.cases]
        found = [results.Case(line, "fail", f"{line}\n{log}")
                 for line, log in [*self.found.complaints, *self.found.hangs,
                                   *self.found.failures, *self.found.unreached]]
        return [case.inside("boot-vm") for case in [*ended, *tests, *found]]


def _process(process: Process) -> dict[str, object]:
    return {"command": process.argv, "log": process.log.name, "status": process.status}


def judged(verdict: Verdict, cases: Sequence[ktap.Case], complaints: Lines, hangs: Lines,
           failures: Lines = (), unreached: Lines = ()) -> Verdict:
    """The verdict with all that was found: it turns status 0 into a failure."""
    if verdict.status:
        return verdict
    found = [f"{failed} of {len(cases)} tests in its report failed"
             ] if (failed := ktap.count(cases)["fail"]) else []
    found += [f"the guest's kernel complained {_times(complaints)}"] if complaints else []
    found += [f"{len(hangs)} request{'s' * (len(hangs) > 1)} hung"] if hangs else []
    found += [f"{len(failures)} device{'s' * (len(failures) > 1)} failed"] if failures else []
    found += ["nothing was injected into the guest"] if unreached else []
    if not found:
        return verdict
    return replace(verdict, status=FOUND,
                   reason=f"the command ended with 0, but {' and '.join(found)}")


def _times(lines: Lines) -> str:
    return "once" if len(lines) == 1 else f"{len(lines)} times"


def _texts(lines: Iterable[tuple[str, Path]]) -> list[str]:
    return [line for line, _ in lines]
