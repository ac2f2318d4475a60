# SPDX-License-Identifier: BSD-3-Clause
"""A device that starts after its guest."""

import time

from bellwire import Lab
from vmtests.bell import Bell

UNTIL_THERE = "for try in $(seq 100); do bell info | grep -q echo && break; sleep 0.1; done"


def test_a_device_after_its_guest(lab: Lab, bell: Bell) -> None:
    assert lab.switchboard
    lab.switchboard.start()
    vm = lab.boot(start=False)
    assert "echo" not in vm.run("bell info").stdout
    time.sleep(0.5)
    lab.devices[0].start()
    vm.run(UNTIL_THERE)
    bell.ring(vm, "--count 1000")
