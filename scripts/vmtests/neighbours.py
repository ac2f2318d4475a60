# SPDX-License-Identifier: BSD-3-Clause
"""Two guests on one switchboard: what happens to one does not affect the other."""

import time

import pytest

from bellwire import Device, Lab
from bellwire.plugin import Faults
from vmtests.case import boot, finish

# Rings until the host restarts the device, so that the test decides for how long.
ENDLESS = "bell ring --ktap --until-restarts 1 --depth 64"


@pytest.mark.machine(guests=2)
def test_one_is_killed(lab: Lab, device: Device, faults: Faults) -> None:
    survivor = boot(lab, ENDLESS)
    victim = boot(lab, ENDLESS)
    time.sleep(1)  # both ring
    victim.kill()
    faults.expect("1 tests planned, 0 reported")

    finish(boot(lab, "bell ring --ktap --count 500 --worker all"))
    assert survivor.poll() is None, "it should still be ringing"
    lab.check()

    device.kill()
    device.start()
    (run,) = finish(survivor)
    assert run["restarts"] == 1
    assert run["rings"] > 2_000
