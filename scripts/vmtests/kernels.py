# SPDX-License-Identifier: BSD-3-Clause
"""The module on the other kernels that it supports."""

import pytest

from bellwire import Vm
from vmtests.bell import Bell


@pytest.mark.kernel("6.12")
def test_6_12(vm: Vm, bell: Bell) -> None:
    bell.ring(vm, "--count 300 --worker all --kick all")
    bell.report(vm, "bell break")
    bell.report(vm, "module-selftest -t 1")


@pytest.mark.kernel("6.1-generic")
@pytest.mark.machine(drivers=["gpio-pci-idio-16"])
def test_a_driver_of_the_generic_one(vm: Vm, bell: Bell) -> None:
    bell.report(vm, "module-selftest -t 1")
    assert vm.run("[ -d /sys/bus/pci/drivers/pci-idio-16/module ]").status == 0
