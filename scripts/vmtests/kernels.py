# SPDX-License-Identifier: BSD-3-Clause
"""The module on the other kernels that it supports."""

import pytest

from bellwire import Vm
from vmtests.case import LIMIT
from vmtests.ring import reported, ring


@pytest.mark.kernel("6.12")
def test_6_12(vm: Vm) -> None:
    ring(vm, "--count 300 --worker all --kick all")
    reported(vm.run("bell break"))
    reported(vm.run("module-selftest -t 1", LIMIT))


@pytest.mark.kernel("6.1-generic")
@pytest.mark.machine(drivers=["gpio-pci-idio-16"])
def test_a_driver_of_the_generic_one(vm: Vm) -> None:
    reported(vm.run("module-selftest -t 1", LIMIT))
    assert vm.run("[ -d /sys/bus/pci/drivers/pci-idio-16/module ]").status == 0
