# SPDX-License-Identifier: BSD-3-Clause
"""The same devices and the same module over vfio-user: traffic, and devices that die."""

import time

from bellwire.image import kernel
from bellwire.labs.lab import Lab
from bellwire.labs.processes import Device
from bellwire.vms import toolbox
from bellwire.vms.qmp import QmpError
from bellwire.vms.verdict import DEAD
from bellwire.vms.vm import Vm
from vmtests.case import LENGTH, LIMIT, VmCase, figures, vm_config
from vmtests.rings import EVERY_WAY, WAYS

COUNT = 300 * LENGTH
DEEP = 2_000 * LENGTH
# Two processes in the guest ring at two depths until their device dies.
UNTIL_IT_DIES = """
echo 'KTAP version 1'; echo 1..2
for depth in 1 64; do
    (bell ring --count 100000000 --depth $depth >/dev/null 2>/run/said-$depth; echo >>/run/said-$depth) &
done
until awk '/-edge *0000:/ { had += $2 } END { exit had < 100 }' /proc/interrupts; do usleep 10000; done
echo '# under way'
wait
number=1
for depth in 1 64; do
    grep -q 'the device is gone' /run/said-$depth || { sed 's/^/# /' /run/said-$depth; echo -n 'not '; }
    echo "ok $number what was under way failed, at depth $depth"
    number=$((number + 1))
done
"""
UNTIL_IT_IS_BACK = """
until bell ring --ktap --count 1000 >/run/back 2>/dev/null; do usleep 10000; done
cat /run/back
"""
# Each of 32 processes gets a queue, and so a vector, of its own.
ALL_AT_ONCE = """
for number in $(seq 32); do (bell ring --count 1000 >/dev/null && echo well >>/run/well) & done
wait
echo 'KTAP version 1'; echo 1..2
[ $(wc -l </run/well) = 32 ] || echo -n 'not '
echo 'ok 1 32 queues were rung at once'
[ $(awk '/-edge *0000:/ && $2 > 0' /proc/interrupts | wc -l) = 32 ] || echo -n 'not '
echo 'ok 2 each by a vector of its own'
"""
UNDER_WAY = "# under way"
DIED = "/dev/bellwire0: the device has died"


class VfioUser(VmCase):
    def wired(self, *devices: str, options: str = "", smp: int = 1) -> Lab:
        program = toolbox.find(toolbox.VFIO_USER, "vfio-user-pci")
        lab = self.lab(devices or ("echo",), on=vm_config(kernel.DEFAULT, smp, program, True),
                       transport=f"vfio-user{options}")
        lab.start()
        return lab

    def test_every_way(self) -> None:
        self.check_every_way("")

    def test_every_way_with_a_doorbell_page(self) -> None:
        self.check_every_way(",page=1")

    def check_every_way(self, options: str) -> None:
        lab = self.wired("echo", "digest", options=options, smp=2)
        every_way = f"bell ring --ktap {EVERY_WAY}"
        vm = self.boot(lab, f"{every_way} --count {COUNT}",
                       f"{every_way} --count {DEEP} --depth 64", "bell break")
        self.finish(vm)
        lab.check()
        runs = figures(vm.results.path.read_text())
        self.assertEqual(len(runs), 2 * WAYS)
        self.assertEqual([run["rings"] for run in runs], [COUNT] * WAYS + [DEEP] * WAYS)

    def test_requests_that_are_completed_later(self) -> None:
        lab = self.wired("delay")
        vm = self.boot(lab, f"bell ring --ktap --device delay --depth 1,64 --count {COUNT}")
        self.finish(vm)
        lab.check()
        runs = figures(vm.results.path.read_text())
        self.assertEqual([run["rings"] for run in runs], [COUNT] * 2)

    def test_selftest(self) -> None:
        lab = self.wired(smp=2)
        self.finish(self.boot(lab, f"module-selftest -t {LENGTH}"))
        lab.check()

    def test_32_vectors(self) -> None:
        program = toolbox.find(toolbox.VFIO_USER, "vfio-user-pci")
        lab = self.lab(("echo",), on=vm_config(kernel.DEFAULT, 1, program, True), vectors=32,
                       transport="vfio-user")
        lab.start()
        self.finish(self.boot(lab, ALL_AT_ONCE.strip(), "bell ring --ktap --count 1000"))

    def test_a_death_is_told_and_a_new_life_is_plugged_in(self) -> None:
        vm, device = self.dead(",page=1,awake=1,msix=0")
        device.start()
        vm.replug(0)
        self.finish(vm)

    # What QEMU 11.1 does not survive, and no change on our side can prevent. When one of these
    # fails, QEMU has been fixed: update docs/vfio-user.md and the test above.

    def test_qemu_dies_when_it_takes_out_a_dead_device_that_has_msix(self) -> None:
        vm, device = self.dead(",page=1,awake=1")
        device.start()
        with self.assertRaises(QmpError):
            vm.replug(0)
        self.assertEqual(vm.wait(LIMIT).status, DEAD)

    def test_qemu_dies_when_it_takes_out_a_living_device_that_has_msix(self) -> None:
        lab = self.wired()
        vm = self.boot(lab, f"echo '{UNDER_WAY}'; sleep 1000000")
        self.assertTrue(vm.until(lambda: UNDER_WAY in vm.results.path.read_text(), LIMIT))
        with self.assertRaises(QmpError):
            vm.replug(0)
        self.assertEqual(vm.wait(LIMIT).status, DEAD)

    def test_qemu_dies_when_a_device_dies_that_left_messages_unread(self) -> None:
        vm, device = self.under_traffic("")
        device.pause()  # and the guest's next rings stay in the socket
        time.sleep(0.1)
        device.kill()
        self.assertEqual(vm.wait(LIMIT).status, DEAD)

    def dead(self, options: str) -> tuple[Vm, Device]:
        """A guest that has noticed that its device died under traffic. The doorbell page is always
        polled and needs no messages: with a message under way, QEMU would die, too."""
        vm, device = self.under_traffic(options)
        device.kill()
        self.assertTrue(vm.until(lambda: DIED in vm.console.read_text(errors="replace"), LIMIT),
                        vm.poll())
        return vm, device

    def under_traffic(self, options: str) -> tuple[Vm, Device]:
        lab = self.wired(options=options)
        vm = self.boot(lab, UNTIL_IT_DIES.strip(), UNTIL_IT_IS_BACK.strip())
        self.assertTrue(vm.until(lambda: UNDER_WAY in vm.results.path.read_text(), LIMIT))
        return vm, lab.devices[0]
