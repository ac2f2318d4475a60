# SPDX-License-Identifier: BSD-3-Clause
"""The bare wire, the baseline of the benchmarks, carries every ring that it reports."""

from typing import Any

from bellwire.bench.rings import BareLab, turns_beside_bare
from bellwire.image import kernel
from vmtests.case import VmCase, figures, vm_config

COUNT, TURNS = 500, 2


class BareWire(VmCase):
    def test_one_cpu(self) -> None:
        self.take_turns(kernel.DEFAULT, smp=1)

    def test_two_cpus_6_12(self) -> None:
        self.take_turns("6.12", smp=2)

    def take_turns(self, version: str, smp: int) -> None:
        lab = self.enterContext(BareLab(vm_config(version, smp), self.folder()))
        lab.start()
        vm = self.boot(lab, turns_beside_bare(COUNT, TURNS))
        self.finish(vm)
        lab.check()
        runs = figures(vm.results.path.read_text())
        self.assertEqual([run["device"] for run in runs], ["echo", "bare"] * TURNS)

    def check_figures(self, run: dict[str, Any]) -> None:
        if run["device"] != "bare":
            return super().check_figures(run)
        self.assertEqual((run["rings"], run["completions"], run["corrupted"], run["calls"]),
                         (COUNT, COUNT, 0, COUNT), run)
