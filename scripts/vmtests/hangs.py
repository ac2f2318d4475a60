# SPDX-License-Identifier: BSD-3-Clause
"""Hops that are lost on purpose: whoever can see it names the one."""

from harness import kernel, toolbox
from vmtests.case import LIMIT, VmCase, machine, report

LOST = 50  # this one, of
COUNT = 100


class Hangs(VmCase):
    def test_ivshmem(self) -> None:
        self.lose_both()

    def test_vfio_user(self) -> None:
        program = toolbox.find(toolbox.VFIO_USER, "vfio-user-pci")
        self.lose_both(on=machine(kernel.DEFAULT, 1, program, True), transport="vfio-user")

    def lose_both(self, **wires: object) -> None:
        with self.subTest("doorbell"):
            results, _, log = self.lose("doorbell", f"bell ring --ktap --count {COUNT}",
                                        f"bell ring --ktap --count {COUNT} --drop-kick {LOST}",
                                        **wires)
            lost = r"request \d+: doorbell written \d+\.\d s ago, never seen by the device: lost kick"
            self.assertRegex(results, lost)
            self.assertRegex(log, lost)
            self.assertRegex(results, r"request \d+: submitted \d+\.\d s ago, "
                                      "its kick never seen: lost kick")
        with self.subTest("interrupt"):
            results, errors, log = self.lose("interrupt", f"bell ring --ktap --count {COUNT}",
                                             **wires)
            lost = (r"request \d+: completion posted and interrupt raised \d+\.\d s ago, "
                    "no interrupt taken: lost interrupt")
            self.assertRegex(errors, lost)
            self.assertRegex(log, lost)
            self.assertIn("\nok 1", results)  # it is found without, only late

    def lose(self, wire: str, *commands: str, **wires: object) -> tuple[str, str, str]:
        """What the guest's commands said, on both its outputs, and the device's log."""
        lab = self.lab(told=("--drop", f"{wire}={LOST}"), **wires)
        lab.start()
        vm = lab.vm(report(*commands))
        self.assertIsNone(vm.boot(watch=lab.check))
        vm.wait(LIMIT)
        vm.close()
        lab.check()
        return (vm.results.path.read_text(), vm.stderr.path.read_text(),
                lab.devices[0].log.read_text())
