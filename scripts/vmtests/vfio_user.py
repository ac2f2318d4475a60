# SPDX-License-Identifier: BSD-3-Clause
"""The same devices and the same module over vfio-user: traffic, and devices that die."""

import pytest

from bellwire import Device, Lab, Vm
from bellwire.vms.qmp import QmpError
from bellwire.vms.verdict import DEAD
from vmtests.case import LENGTH, LIMIT, boot, finish
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
# A ring whose doorbell the paused device doesn't read: QEMU has sent it when no thread runs any more.
TRACEPOINT = """
mount -t tracefs nodev /sys/kernel/tracing
echo 1 >/sys/kernel/tracing/events/bellwire/doorbell/enable
"""
RING_UNREAD = """
bell ring --count 1 --kick direct >/dev/null 2>&1 &
until grep -q doorbell: /sys/kernel/tracing/trace && ! grep -q '^State:.R' /proc/$!/task/*/status; do
    usleep 10000
done
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

pytestmark = pytest.mark.transport("vfio-user")


@pytest.mark.device("echo", "digest")
@pytest.mark.machine(cpus=2)
def test_every_way(lab: Lab) -> None:
    check_every_way(lab)


@pytest.mark.transport("vfio-user,page=1")
@pytest.mark.device("echo", "digest")
@pytest.mark.machine(cpus=2)
def test_every_way_with_a_doorbell_page(lab: Lab) -> None:
    check_every_way(lab)


def check_every_way(lab: Lab) -> None:
    every_way = f"bell ring --ktap {EVERY_WAY}"
    runs = finish(boot(lab, f"{every_way} --count {COUNT}",
                       f"{every_way} --count {DEEP} --depth 64", "bell break"))
    lab.check()
    assert [run["rings"] for run in runs] == [COUNT] * WAYS + [DEEP] * WAYS


@pytest.mark.device("delay")
def test_requests_that_are_completed_later(lab: Lab) -> None:
    runs = finish(boot(lab, f"bell ring --ktap --device delay --depth 1,64 --count {COUNT}"))
    lab.check()
    assert [run["rings"] for run in runs] == [COUNT] * 2


@pytest.mark.machine(cpus=2)
def test_selftest(lab: Lab) -> None:
    finish(boot(lab, f"module-selftest -t {LENGTH}"))
    lab.check()


@pytest.mark.machine(vectors=32)
def test_32_vectors(lab: Lab) -> None:
    finish(boot(lab, ALL_AT_ONCE.strip(), "bell ring --ktap --count 1000"))


@pytest.mark.transport("vfio-user,page=1,awake=1,msix=0")
def test_a_death_is_told_and_a_new_life_is_plugged_in(lab: Lab, device: Device) -> None:
    vm = dead(lab, device)
    device.start()
    vm.replug(0)
    finish(vm)


# What QEMU 11.1 does not survive, and no change on our side can prevent. When one of these
# fails, QEMU has been fixed: update docs/vfio-user.md and the test above.


@pytest.mark.lenient
@pytest.mark.transport("vfio-user,page=1,awake=1")
def test_qemu_dies_when_it_takes_out_a_dead_device_that_has_msix(lab: Lab, device: Device) -> None:
    vm = dead(lab, device)
    device.start()
    with pytest.raises(QmpError):
        vm.replug(0)
    assert vm.wait(LIMIT).status == DEAD


@pytest.mark.lenient
def test_qemu_dies_when_it_takes_out_a_living_device_that_has_msix(lab: Lab) -> None:
    vm = boot(lab, f"echo '{UNDER_WAY}'; sleep 1000000")
    assert vm.until(lambda: UNDER_WAY in vm.results.path.read_text(), LIMIT)
    with pytest.raises(QmpError):
        vm.replug(0)
    assert vm.wait(LIMIT).status == DEAD


@pytest.mark.lenient
def test_qemu_dies_when_a_device_dies_that_left_messages_unread(vm: Vm, device: Device) -> None:
    assert vm.run(TRACEPOINT.strip()).status == 0
    device.pause()
    assert vm.run(RING_UNREAD.strip()).status == 0
    device.kill()
    assert vm.until(lambda: vm.poll() is not None or DIED in said_by(vm), LIMIT)
    ended = vm.poll()
    assert ended and ended.status == DEAD, said_by(vm)


def dead(lab: Lab, device: Device) -> Vm:
    """A guest that has noticed that its device died under traffic. The doorbell page is always
    polled and needs no messages: with a message under way, QEMU would die, too."""
    vm = under_traffic(lab)
    device.kill()
    assert vm.until(lambda: DIED in said_by(vm), LIMIT), vm.poll()
    return vm


def said_by(vm: Vm) -> str:
    return vm.console.read_text(errors="replace")


def under_traffic(lab: Lab) -> Vm:
    vm = boot(lab, UNTIL_IT_DIES.strip(), UNTIL_IT_IS_BACK.strip())
    assert vm.until(lambda: UNDER_WAY in vm.results.path.read_text(), LIMIT)
    return vm
