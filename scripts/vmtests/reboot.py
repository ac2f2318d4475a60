# SPDX-License-Identifier: BSD-3-Clause
"""A QEMU that is killed, and another that takes its place while the device keeps running."""

import time

from bellwire import Device, Lab
from vmtests.bell import Bell
from vmtests.case import GENERATION


def test_qemu_is_killed_and_another_comes(lab: Lab, device: Device, bell: Bell) -> None:
    killed = lab.boot(["bell", "ring", "--count", "1000000000", "--depth", "64"])
    process = device.pid
    time.sleep(0.5)  # it rings
    killed.kill()

    vm = lab.boot()
    bell.ring(vm, "--count 10000 --depth 64")
    assert int(vm.run(GENERATION).stdout) > 2
    lab.check()
    assert device.pid == process
