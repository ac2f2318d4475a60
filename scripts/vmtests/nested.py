# SPDX-License-Identifier: BSD-3-Clause
"""QEMU on real KVM, in an emulated host: by KVM's own counters, each doorbell goes through an
ioeventfd and each interrupt through an irqfd."""

import functools
import json
import subprocess
from collections import Counter
from collections.abc import Callable

import pytest

from bellwire.core.places import ROOT
from bellwire.nested.emulated_host import mark
from bellwire.nested.nested_lab import NestedLab
from bellwire.plugin import Subtests
from vmtests.boot_vm import WAITING
from vmtests.case import LENGTH, Figures, boot, finish

COUNT = 500 * LENGTH
FEWER = 250 * LENGTH  # where a doorbell takes its time
# The module's three workers for kicks, and kicks by ioctl, which need none.
WAYS = {f"worker-{worker}": f"--worker {worker} --kick eventfd"
        for worker in ("read", "poll", "callback")} | {"ioctl": "--kick ioctl"}
REGISTERS = "echo \"# registers $(sed -n '1s/ .*//p' /sys/bus/pci/drivers/bellwire/*/resource)\""
DOORBELL = 12
CLAIM = 1  # doorbells to claim a queue, which bell counts apart
READABLE = 1  # what poll says of an eventfd that was written

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


@pytest.mark.accelerator("nested")
def test_every_ring_goes_through_kvm(lab: NestedLab, subtest: Subtests) -> None:
    def check(counted: Counter[str], doorbells: int, others: int) -> None:
        assert counted["mmio_exits"] <= others, counted

    check_each(lab, subtest, COUNT, check)


@pytest.mark.accelerator("nested")
@pytest.mark.machine(qemu_args=["-global", "ivshmem-doorbell.ioeventfd=off"])
def test_without_ioeventfd_each_doorbell_leaves_kvm(lab: NestedLab, subtest: Subtests) -> None:
    """QEMU itself writes the eventfd."""
    def check(counted: Counter[str], doorbells: int, others: int) -> None:
        assert doorbells <= counted["mmio_exits"] <= doorbells + others, counted

    check_each(lab, subtest, FEWER, check)


def check_each(lab: NestedLab, subtest: Subtests, rings: int,
               check: Callable[[Counter[str], int, int], None]) -> None:
    """`check` gets what KVM counted of each way: all, its doorbells, its other accesses."""
    runs, registers = ring_all(lab, rings)
    for way, run in zip(WAYS, runs, strict=True):
        with subtest(way):
            counted = lab.meter.between(f"{way}-before", f"{way}-after")
            doorbells, others = accesses(counted, registers)
            assert doorbells == run["doorbells"] + CLAIM, counted
            check(counted, doorbells, others)
            check_interrupts(counted, run)


def test_the_hosts_kvm_keeps_every_rule(subtest: Subtests) -> None:
    rows = json.loads(in_the_host()[RULES])["rules"]
    assert len(rows) >= 35
    for row in rows:
        with subtest(f"rule {row['rule']}"):
            assert row["agree"] is True, row


def test_devices_on_the_hosts_kvm(subtest: Subtests) -> None:
    for device, command in ON_KVM.items():
        with subtest(device):
            said = in_the_host()[command]
            assert f"{RINGS} answered, 0 lost, 0 wrong, 0 unexpected" in said
            assert "exits to user space: 0 for doorbells" in said


def ring_all(lab: NestedLab, count: int) -> tuple[list[Figures], int]:
    """The figures of each way, and where the registers are."""
    rings = [f"{mark(f'{way}-before')}; bell ring --ktap --count {count} {options}; "
             f"{mark(f'{way}-after')}" for way, options in WAYS.items()]
    vm = boot(lab, REGISTERS, *rings)
    runs = finish(vm)
    assert [run["rings"] for run in runs] == [count] * len(WAYS)
    lines = vm.results.path.read_text().splitlines()
    return runs, next(int(line.split()[-1], 16) for line in lines if line.startswith("# registers"))


def accesses(counted: Counter[str], registers: int) -> tuple[int, int]:
    """Accesses to the Doorbell register, and to all others: sometimes the kernel masks a vector."""
    every = sum(count for name, count in counted.items() if name.startswith("kvm_mmio"))
    doorbells = counted[f"kvm_mmio{{gpa:{registers + DOORBELL:x}}}"]
    return doorbells, every - doorbells


def check_interrupts(counted: Counter[str], run: Figures) -> None:
    assert run["raises"] > 0
    assert counted[f"irqfd_wakeup{{poll:{READABLE}}}"] == run["raises"], counted
