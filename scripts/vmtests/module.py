# SPDX-License-Identifier: BSD-3-Clause
"""The module's own tests. With one device, since they unload the module, which renumbers devices."""

from vmtests.case import LENGTH, VmCase, figures

RELOAD = ("rmmod bellwire && insmod /lib/modules/bellwire.ko && test -c /dev/bellwire0 "
          "&& echo 'ok 1 the module is unloaded and loaded' || echo 'not ok 1 the module reloads'")


class Module(VmCase):
    def test_selftest(self) -> None:
        lab = self.lab(smp=2)
        lab.start()
        vm = self.boot(lab, f"module-selftest -t {LENGTH}",
                       f"echo 'KTAP version 1'; echo 1..1; {RELOAD}", "bell ring --ktap --count 1000")
        self.finish(vm)
        lab.check()
        (run,) = figures(vm.results.path.read_text())
        self.assertEqual(run["completions"], 1000)
