# SPDX-License-Identifier: BSD-3-Clause
"""Plans of faults with Linux's driver of ours: what costs only time loses nothing, and what is lost
is found and named."""

import pytest

from bellwire.labs.processes import Process
from bellwire.plugin.run import Faults
from bellwire.report import logs
from bellwire.vms.vm import Vm

HARMLESS = ("delay interrupt 1/20 50us..2ms; delay doorbell 1/20 50us..2ms; double interrupt 1/20; "
            "double doorbell 1/20; merge interrupt 1/20; merge doorbell 1/20; "
            "reorder interrupt 1/20; reorder doorbell 1/20; invent interrupt 1ms..5ms; "
            "invent doorbell 1ms..5ms; stall doorbell 700 50ms; seed 42")
# At depth 1 each request has a doorbell and an interrupt, and nobody looks by itself.
LOST = "drop doorbell 50; drop interrupt 150; misroute doorbell 250; misroute interrupt 350"


@pytest.mark.transport("ivshmem", "vfio-user")
@pytest.mark.fault(HARMLESS)
def test_what_costs_only_time_loses_nothing(vm: Vm, device: Process, faults: Faults) -> None:
    ring = vm.run("bell ring --worker all --count 1000")
    assert ring.status == 0, ring
    device.stop()
    injected = faults.injected()
    assert len(injected) == 11 and all(injected.values()), injected


@pytest.mark.transport("ivshmem", "vfio-user")
@pytest.mark.fault(LOST)
def test_what_is_lost_is_found_and_named(vm: Vm, device: Process, faults: Faults) -> None:
    faults.expect("lost doorbell")
    faults.expect("lost interrupt")
    ring = vm.run("bell ring --count 500")
    assert ring.status == 1, ring
    device.stop()
    assert set(faults.injected().values()) == {1}, faults.injected()
    found = [hang.rpartition(": ")[2] for hang in logs.hangs(device.log)]
    assert sorted(found) == ["lost doorbell"] * 2 + ["lost interrupt"] * 2, found
