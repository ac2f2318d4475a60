# SPDX-License-Identifier: BSD-3-Clause
"""Hops that are lost on purpose: each loss is reported by name, and repaired."""

from typing import Any

from bellwire.image import kernel
from bellwire.report import logs
from bellwire.vms import toolbox
from vmtests.case import LIMIT, VmCase, figures, ktap_command, vm_config

LOST = 50  # this one, of
COUNT = 100
RING = f"bell ring --ktap --count {COUNT}"

# What the guest or the device's wires lose, and how the loss is reported. All requests are answered
# nevertheless, but the run fails.
HOPS = (
    ("guest", "kick", "submitted", "its kick never seen: lost kick"),
    ("device", "doorbell", "doorbell written", "never seen by the device: lost doorbell"),
    ("device", "interrupt", "completion posted and interrupt raised",
     "no interrupt taken: lost interrupt"),
    ("guest", "call", "interrupt taken", "call never signalled: lost call"),
    ("guest", "wake", "call eventfd signalled", "process never awake: lost wake"),
)


class Hangs(VmCase):
    def test_ivshmem(self) -> None:
        self.lose_each()

    def test_vfio_user(self) -> None:
        program = toolbox.find(toolbox.VFIO_USER, "vfio-user-pci")
        self.lose_each(on=vm_config(kernel.DEFAULT, 1, program, True), transport="vfio-user")

    def test_no_way_to_wait_hides_a_lost_kick(self) -> None:
        """The device repairs one by itself, after a second and a half."""
        for how in ("--wait read", "--wait poll --poll always"):
            with self.subTest(how):
                results, errors, _ = self.lose("guest", f"kick={LOST}", how)
                self.assertRegex("\n".join(errors), r"(?m)its kick never seen: lost kick$")
                (run,) = figures(results)
                self.assertEqual((run["completions"], run["hung"]), (COUNT, 1), run)
                self.assertIn("\nnot ok 1", results)

    def lose_each(self, **wires: Any) -> None:
        for who, hop, was, never in HOPS:
            with self.subTest(hop):
                results, errors, log = self.lose(who, f"{hop}={LOST}", **wires)
                told = rf"request \d+: {was} \d+\.\d s ago, {never}$"
                # The side that finds it reports it; the device repeats its driver's report.
                self.assertRegex("\n".join(log), rf"(?m)^echo: queue 0: {told}")
                if who == "guest":
                    self.assertRegex("\n".join(errors), rf"(?m)^bell: {told}")
                (run,) = figures(results)
                self.assertEqual((run["completions"], run["lost"]), (COUNT, 0), run)
                if errors:
                    self.assertEqual(run["hung"], 1, run)
                    self.assertIn("\nnot ok 1", results)

    def lose(self, who: str, what: str, how: str = "",
             **wires: Any) -> tuple[str, list[str], list[str]]:
        """The guest's results, and the hangs that its command and the device reported."""
        drop = ("--drop", what)
        lab = self.lab(device_options=drop if who == "device" else (), **wires)
        lab.start()
        vm = lab.vm(ktap_command(" ".join((RING, how, *(drop if who == "guest" else ())))))
        self.assertIsNone(vm.boot(watch=lab.check))
        vm.wait(LIMIT)
        vm.close()
        lab.check()
        return (vm.results.path.read_text(), logs.hangs(vm.stderr.path),
                logs.hangs(lab.devices[0].log))
