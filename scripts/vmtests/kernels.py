# SPDX-License-Identifier: BSD-3-Clause
"""The module on the other kernels that it supports."""

from vmtests.case import VmCase


class Kernels(VmCase):
    def test_6_12(self) -> None:
        lab = self.lab(version="6.12")
        lab.start()
        self.finish(self.boot(lab, "bell ring --ktap --count 300 --worker all --kick all",
                              "bell break", "module-selftest -t 1"))
        lab.check()

    def test_a_driver_of_the_generic_one(self) -> None:
        lab = self.lab(version="6.1-generic")
        lab.start()
        self.finish(self.boot(lab, "module-selftest -t 1",
                              "[ -d /sys/bus/pci/drivers/pci-idio-16/module ] || exit",
                              drivers=["gpio-pci-idio-16"]))
