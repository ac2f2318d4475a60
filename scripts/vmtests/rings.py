# SPDX-License-Identifier: BSD-3-Clause
"""Every way to ring and to be rung, and queues broken on purpose."""

from vmtests.case import VmCase, figures

COUNT = 10_000
EVERY_WAY = "bell ring --ktap --device all --worker all --kick all --wait all"
WAYS = 2 * 3 * 3 * 3


class Rings(VmCase):
    def test_one_boot(self) -> None:
        lab = self.lab(devices=("echo", "digest"), smp=2)
        lab.start()
        vm = self.boot(
            lab,
            f"{EVERY_WAY} --count {COUNT}", f"{EVERY_WAY} --count {COUNT} --depth 64",
            "bell break")
        self.finish(vm)
        lab.check()
        runs = figures(vm.results.path.read_text())
        self.assertEqual(len(runs), 2 * WAYS)
        self.assertEqual({run["rings"] for run in runs}, {COUNT})
