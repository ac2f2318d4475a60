# SPDX-License-Identifier: BSD-3-Clause
"""A device that is killed under traffic and restarted, again and again."""

import random
import time

import pytest

from bellwire import Device, Lab, Vm
from vmtests.case import LIMIT, boot, finish

RESTARTS = 20


@pytest.mark.machine(cpus=2)
def test_killed_under_traffic(lab: Lab, device: Device) -> None:
    vm = boot(lab, f"bell ring --ktap --until-restarts {RESTARTS} --depth 64",
              "bell ring --ktap --count 1000")
    kills = kill_until_done(device, vm)
    first, second = finish(vm)
    lab.check()
    assert kills >= RESTARTS
    assert first["restarts"] >= RESTARTS
    assert second["completions"] == 1000


def kill_until_done(device: Device, vm: Vm) -> int:
    """Kills until the guest starts its second command, when it has seen enough restarts."""
    moments = random.Random(1)
    kills, deadline = 0, time.monotonic() + LIMIT
    while not vm.results.path.read_text().count("KTAP version") > 1 and vm.poll() is None:
        assert time.monotonic() < deadline, f"{kills} kills"
        time.sleep(moments.uniform(0.02, 0.2))
        device.kill()
        kills += 1
        time.sleep(moments.uniform(0, 0.05))
        device.start()
    return kills
