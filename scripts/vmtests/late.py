# SPDX-License-Identifier: BSD-3-Clause
"""A device that starts after its guest."""

import time

from vmtests.case import VmCase

UNTIL_THERE = "for try in $(seq 100); do bell info | grep -q echo && break; sleep 0.1; done"


class Late(VmCase):
    def test_a_device_after_its_guest(self) -> None:
        lab = self.lab()
        for process in lab.processes:
            self.addCleanup(process.stop)
        assert lab.switchboard
        lab.switchboard.start()
        vm = self.boot(lab, UNTIL_THERE, "bell ring --ktap --count 1000")
        time.sleep(0.5)
        lab.devices[0].start()
        self.finish(vm)
