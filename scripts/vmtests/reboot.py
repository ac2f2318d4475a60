# SPDX-License-Identifier: BSD-3-Clause
"""A QEMU that is killed, and another that takes its place while the device keeps running."""

import time

from vmtests.case import VmCase

# The first claim of a memory's life has generation 1, and 2 when it's given back.
GENERATION = ("generation=$(awk '$1 == 0 { print $4 }' /sys/kernel/debug/bellwire/bellwire0/queues);"
              " test $generation -gt 2 && echo ok 1 generation || echo not ok 1 $generation")


class Reboot(VmCase):
    def test_qemu_is_killed_and_another_comes(self) -> None:
        lab = self.lab()
        lab.start()
        device = lab.devices[0].pid
        killed = self.boot(lab, "bell ring --count 1000000000 --depth 64")
        time.sleep(0.5)  # it rings
        killed.kill()

        vm = self.boot(lab, "bell ring --ktap --count 10000 --depth 64",
                       f"echo 'KTAP version 1'; echo 1..1; {GENERATION}")
        self.finish(vm)
        lab.check()
        self.assertEqual(lab.devices[0].pid, device)
