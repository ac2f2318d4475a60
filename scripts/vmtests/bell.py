# SPDX-License-Identifier: BSD-3-Clause
"""What `bell` and other programs of ours report in a VM that vm.run() runs them in."""

from dataclasses import dataclass

from bellwire import Vm
from bellwire.plugin import Subtests
from vmtests.case import LIMIT, Figures, all_completed, figures


@dataclass
class Bell:
    """The fixture `bell`. Each test that a command reports is a subtest."""

    subtest: Subtests

    def report(self, vm: Vm, command: str) -> str:
        """Runs a command that must end well, and returns its report."""
        done = vm.run(command, LIMIT)
        self.subtest.each(done.tests)
        assert done.status == 0 and done.tests, f"{done.status}: {done.stdout}{done.stderr}"
        return done.stdout

    def ring(self, vm: Vm, words: str) -> list[Figures]:
        """Rings, and checks that all is well: each run's rings are completed once, and none is lost."""
        runs = figures(self.report(vm, f"bell ring --ktap {words}"))
        assert runs
        for run in runs:
            all_completed(run)
        return runs
