# SPDX-License-Identifier: BSD-3-Clause
"""The second module's own tests, on each kernel, with one CPU and with two."""

from vmtests.case import VmCase


class NotifyLab(VmCase):
    def test_two_cpus(self) -> None:
        self.selftest(smp=2)

    def test_one_cpu_6_12(self) -> None:
        self.selftest(smp=1, version="6.12")

    def selftest(self, smp: int, version: str = "6.1") -> None:
        lab = self.lab(devices=(), smp=smp, version=version)
        lab.start()
        self.finish(self.boot(lab, "lab-selftest"))
        lab.check()
