# SPDX-License-Identifier: BSD-3-Clause
"""A device that is killed under traffic and restarted, again and again."""

import random
import time

from bellwire.labs.processes import Device
from bellwire.vms.vm import Vm
from vmtests.case import LIMIT, VmCase, figures

RESTARTS = 20


class Crashes(VmCase):
    def test_killed_under_traffic(self) -> None:
        lab = self.lab(smp=2)
        lab.start()
        vm = self.boot(lab, f"bell ring --ktap --until-restarts {RESTARTS} --depth 64",
                       "bell ring --ktap --count 1000")
        kills = self.kill_until_done(lab.devices[0], vm)
        self.finish(vm)
        lab.check()
        first, second = figures(vm.results.path.read_text())
        self.assertGreaterEqual(kills, RESTARTS)
        self.assertGreaterEqual(first["restarts"], RESTARTS)
        self.assertEqual(second["completions"], 1000)

    def kill_until_done(self, device: Device, vm: Vm) -> int:
        """Kills until the guest starts its second command, when it has seen enough restarts."""
        moments = random.Random(1)
        kills, deadline = 0, time.monotonic() + LIMIT
        while not vm.results.path.read_text().count("KTAP version") > 1 and vm.poll() is None:
            self.assertLess(time.monotonic(), deadline, f"{kills} kills")
            time.sleep(moments.uniform(0.02, 0.2))
            device.kill()
            kills += 1
            time.sleep(moments.uniform(0, 0.05))
            device.start()
        return kills
