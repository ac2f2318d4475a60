# SPDX-License-Identifier: BSD-3-Clause
"""The same devices and the same module, over vfio-user: what works, and what a death costs."""

import time

from harness import kernel, toolbox
from harness.lab import Lab
from harness.qmp import QmpError
from harness.vm import DEAD, Vm
from vmtests.case import LIMIT, VmCase, figures, machine
from vmtests.rings import EVERY_WAY, WAYS

COUNT = 2_000
# Two processes of the guest ring on, at two depths, until the device's death ends them.
UNTIL_IT_DIES = """
echo 'KTAP version 1'; echo 1..2
for depth in 1 64; do
    (bell ring --count 100000000 --depth $depth >/dev/null 2>/run/said-$depth; echo >>/run/said-$depth) &
done
wait
number=1
for depth in 1 64; do
    grep -q 'the device is gone' /run/said-$depth || { echo -n 'not '; sed 's/^/# /' /run/said-$depth; }
    echo "ok $number what was under way failed, at depth $depth"
    number=$((number + 1))
done
"""
UNTIL_IT_IS_BACK = """
while [ -e /dev/bellwire0 ]; do usleep 10000; done
until [ -e /dev/bellwire0 ]; do usleep 10000; done
bell ring --ktap --count 1000
"""
DIED = "/dev/bellwire0: the device has died"


class VfioUser(VmCase):
    def wired(self, *devices: str, options: str = "", smp: int = 1) -> Lab:
        program = toolbox.find(toolbox.VFIO_USER, "vfio-user-pci")
        lab = self.lab(devices or ("echo",), on=machine(kernel.DEFAULT, smp, program, True),
                       transport=f"vfio-user{options}")
        lab.start()
        return lab

    def test_every_way(self) -> None:
        self.check_every_way("")

    def test_every_way_with_a_doorbell_page(self) -> None:
        self.check_every_way(",page=1")

    def check_every_way(self, options: str) -> None:
        lab = self.wired("echo", "digest", options=options, smp=2)
        vm = self.boot(lab, f"{EVERY_WAY} --count {COUNT}",
                       f"{EVERY_WAY} --count {COUNT} --depth 64", "bell break")
        self.finish(vm)
        lab.check()
        runs = figures(vm.results.path.read_text())
        self.assertEqual(len(runs), 2 * WAYS)
        self.assertEqual({run["rings"] for run in runs}, {COUNT})

    def test_selftest(self) -> None:
        lab = self.wired(smp=2)
        self.finish(self.boot(lab, "module-selftest"))
        lab.check()

    def test_32_vectors(self) -> None:
        program = toolbox.find(toolbox.VFIO_USER, "vfio-user-pci")
        lab = self.lab(("echo",), on=machine(kernel.DEFAULT, 1, program, True), vectors=32,
                       transport="vfio-user")
        lab.start()
        self.finish(self.boot(
            lab, *(f"bell ring --ktap --count 100 --queue {queue}" for queue in range(32))))

    def test_a_death_is_told_and_a_new_life_is_plugged_in(self) -> None:
        lab = self.wired(options=",msix=0")
        vm = self.die(lab)
        vm.replug(0)
        self.finish(vm)
        lab.check()

    def test_with_msix_qemu_dies_of_it(self) -> None:
        """Nothing that we can mend. If this fails, QEMU has learnt it: say so in docs/decisions,
        and let the test above do it with MSI-X."""
        vm = self.die(self.wired())
        with self.assertRaises(QmpError):
            vm.replug(0)
        self.assertEqual(vm.wait(LIMIT).status, DEAD)

    def die(self, lab: Lab) -> Vm:
        """A VM whose device was killed under traffic, and started again, for QEMU to find."""
        vm = self.boot(lab, UNTIL_IT_DIES, UNTIL_IT_IS_BACK)
        time.sleep(1)  # in the middle of it; any other moment would do
        lab.devices[0].kill()
        vm.until(lambda: DIED in vm.console.read_text(errors="replace"), LIMIT)
        lab.devices[0].start()
        return vm
