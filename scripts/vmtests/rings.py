# SPDX-License-Identifier: BSD-3-Clause
"""Every way to ring and to be rung, the module's own tests, and queues broken on purpose."""

from vmtests.case import VmCase, figures

COUNT = 10_000
EVERY_WAY = "bell ring --ktap --device all --worker all --kick all --wait all"
WAYS = 2 * 3 * 3 * 3
RELOAD = ("rmmod bellwire && insmod /lib/modules/bellwire.ko && test -c /dev/bellwire0 "
          "&& echo 'ok 1 the module is unloaded and loaded' || echo 'not ok 1 the module reloads'")


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

    def test_module(self) -> None:
        """With one device: the module's own tests unbind it, and expect its number to stay."""
        lab = self.lab(devices=("echo",), smp=2)
        lab.start()
        vm = self.boot(lab, "module-selftest", f"echo 'KTAP version 1'; echo 1..1; {RELOAD}",
                       f"bell ring --ktap --count {COUNT}")
        self.finish(vm)
        lab.check()
        (run,) = figures(vm.results.path.read_text())
        self.assertEqual(run["completions"], COUNT)
