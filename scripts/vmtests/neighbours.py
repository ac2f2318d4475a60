# SPDX-License-Identifier: BSD-3-Clause
"""Two guests on one switchboard: what happens to one does not affect the other."""

import time

from vmtests.case import VmCase, figures

# Rings until the host restarts the device, so that the test decides for how long.
ENDLESS = "bell ring --ktap --until-restarts 1 --depth 64"


class Neighbours(VmCase):
    def test_one_is_killed(self) -> None:
        lab = self.lab(guests=2)
        lab.start()
        survivor = self.boot(lab, ENDLESS)
        victim = self.boot(lab, ENDLESS)
        time.sleep(1)  # both ring
        victim.kill()

        successor = self.boot(lab, "bell ring --ktap --count 500 --worker all")
        self.finish(successor)
        self.assertIsNone(survivor.poll(), "it should still be ringing")
        lab.check()

        lab.devices[0].kill()
        lab.devices[0].start()
        self.finish(survivor)
        (run,) = figures(survivor.results.path.read_text())
        self.assertEqual(run["restarts"], 1)
        self.assertGreater(run["rings"], 2_000)
