# SPDX-License-Identifier: BSD-3-Clause
"""QEMU on real KVM, in an emulated host: by KVM's own counters, each doorbell goes through an
ioeventfd and each interrupt through an irqfd."""

import functools
import json
import subprocess
from collections import Counter
from dataclasses import replace
from typing import Any

from bellwire.core.places import ROOT
from bellwire.image import guest_image, kernel
from bellwire.nested.emulated_host import mark
from bellwire.nested.nested_lab import NestedLab, NestedVm
from bellwire.report import logs
from bellwire.vms.qemu import VmConfig
from vmtests.boot_vm import WAITING
from vmtests.case import LENGTH, VmCase, figures

COUNT = 500 * LENGTH
FEWER = 250 * LENGTH  # where a doorbell takes its time
# The module's three workers for kicks, and kicks by ioctl, which need none.
WAYS = {f"worker-{worker}": f"--worker {worker} --kick eventfd"
        for worker in ("read", "poll", "callback")} | {"ioctl": "--kick ioctl"}
REGISTERS = "echo \"# registers $(sed -n '1s/ .*//p' /sys/bus/pci/drivers/bellwire/*/resource)\""
DOORBELL = 12
CLAIM = 1  # doorbells to claim a queue, which bell counts apart
READABLE = 1  # what poll says of an eventfd that was written
# Then each doorbell leaves KVM for QEMU, which writes the eventfd itself.
WITHOUT_IOEVENTFD = ("-global", "ivshmem-doorbell.ioeventfd=off")


RULES = "bellwire rules --json"
RINGS = 2_000
ON_KVM = {device: f"bellwire device {device} --on kvm:rings={RINGS}"
          for device in ("echo", "digest")}
NEXT = "# the next command"


@functools.cache
def in_the_host() -> dict[str, str]:
    """The outputs of these commands in the emulated host, which is booted once for all of them."""
    commands = [RULES, *ON_KVM.values()]
    said = subprocess.run([ROOT / "scripts/boot-vm", "--accel", "nested", "--outer", "--", "sh",
                           "-c", f" && echo '{NEXT}' && ".join(commands)], capture_output=True,
                          text=True, timeout=300, stdin=subprocess.DEVNULL)
    if said.returncode or WAITING.sub("", said.stderr):
        raise AssertionError(f"in the host: status {said.returncode}: {said.stdout}{said.stderr}")
    return dict(zip(commands, said.stdout.split(f"{NEXT}\n"), strict=True))


@functools.cache
def vm_config() -> VmConfig:
    return VmConfig(guest_image.prepare(kernel.DEFAULT), accel="nested")


class Nested(VmCase):
    def test_every_ring_goes_through_kvm(self) -> None:
        lab, runs = self.ring_all(vm_config(), COUNT)
        for way, run in zip(WAYS, runs, strict=True):
            with self.subTest(way):
                counted = lab.meter.between(f"{way}-before", f"{way}-after")
                doorbells, others = self.accesses(counted)
                self.assertEqual(doorbells, run["doorbells"] + CLAIM, counted)
                self.assertLessEqual(counted["mmio_exits"], others, counted)
                self.check_interrupts(counted, run)

    def test_without_ioeventfd_each_doorbell_leaves_kvm(self) -> None:
        lab, runs = self.ring_all(replace(vm_config(), extra=WITHOUT_IOEVENTFD), FEWER)
        for way, run in zip(WAYS, runs, strict=True):
            with self.subTest(way):
                counted = lab.meter.between(f"{way}-before", f"{way}-after")
                doorbells, others = self.accesses(counted)
                self.assertEqual(doorbells, run["doorbells"] + CLAIM, counted)
                self.assertGreaterEqual(counted["mmio_exits"], doorbells, counted)
                self.assertLessEqual(counted["mmio_exits"], doorbells + others, counted)
                self.check_interrupts(counted, run)

    def test_the_hosts_kvm_keeps_every_rule(self) -> None:
        rows = json.loads(in_the_host()[RULES])["rules"]
        self.assertGreaterEqual(len(rows), 35)
        for row in rows:
            with self.subTest(f"rule {row['rule']}"):
                self.assertIs(row["agree"], True, row)

    def test_devices_on_the_hosts_kvm(self) -> None:
        for device, command in ON_KVM.items():
            with self.subTest(device):
                said = in_the_host()[command]
                self.assertIn(f"{RINGS} answered, 0 lost, 0 wrong, 0 unexpected", said)
                self.assertIn("exits to user space: 0 for doorbells", said)

    def ring_all(self, inner: VmConfig, count: int) -> tuple[NestedLab, list[dict[str, Any]]]:
        lab = self.enterContext(NestedLab(inner, self.folder()))
        rings = [f"{mark(f'{way}-before')}; bell ring --ktap --count {count} {options}; "
                 f"{mark(f'{way}-after')}" for way, options in WAYS.items()]
        vm = self.boot(lab, REGISTERS, *rings)
        self.finish(vm)
        assert isinstance(vm, NestedVm)
        self.assertEqual(logs.complaints(vm.host.console), [])
        said = vm.results.path.read_text()
        self.registers = next(int(line.split()[-1], 16) for line in said.splitlines()
                              if line.startswith("# registers"))
        runs = figures(said)
        self.assertEqual([run["rings"] for run in runs], [count] * len(WAYS))
        return lab, runs

    def accesses(self, counted: Counter[str]) -> tuple[int, int]:
        """Accesses to the Doorbell register, and to all others: sometimes the kernel masks a vector."""
        every = sum(count for name, count in counted.items() if name.startswith("kvm_mmio"))
        doorbells = counted[f"kvm_mmio{{gpa:{self.registers + DOORBELL:x}}}"]
        return doorbells, every - doorbells

    def check_interrupts(self, counted: Counter[str], run: dict[str, Any]) -> None:
        self.assertGreater(run["raises"], 0)
        self.assertEqual(counted[f"irqfd_wakeup{{poll:{READABLE}}}"], run["raises"], counted)
