# SPDX-License-Identifier: BSD-3-Clause
"""PCI devices that are reset under traffic through sysfs: nothing is lost, and no process stays
asleep. And a driver that is unbound while its device does not answer: the memory that the device
may still write is never given to anybody else."""

import pytest

from bellwire import Device, Lab
from vmtests.case import LIMIT, boot, finish

DEEP = 2_000  # rings of each way, 64 at a time
WAYS = 3 * 3  # workers, waits
# The pauses leave time between the resets. Behind QEMU's port the kernel waits in vain for the link
# of a PCIe device, and returns ENOTTY after it has reset the device.
RESET_ALL_THE_TIME = """
reset_on() {
    until [ -e /run/over ]; do
        (echo 1 >/sys/class/misc/bellwire0/device/reset) 2>/dev/null
        echo >>/run/resets
        usleep 200000
    done
}
reset_on &
:
"""
RING = "bell ring --ktap --worker all --wait all --depth"
RESETS_WERE_MANY = """
until [ $(wc -l </run/resets) -ge 5 ]; do bell ring --count 1000 >/dev/null || exit; done
touch /run/over
wait
echo 'KTAP version 1'; echo 1..2
[ $(wc -l </run/resets) -ge 5 ] || echo -n 'not '
echo "ok 1 it was reset again and again"
[ $(dmesg | grep -c 'bellwire0: the device was reset; its requests continue') = $(wc -l </run/resets) ] || echo -n 'not '
echo "ok 2 each was reported by one line"
"""


@pytest.mark.machine(cpus=2)
def test_ivshmem(lab: Lab) -> None:
    reset(lab, 2_000)


@pytest.mark.machine(cpus=2)
@pytest.mark.transport("vfio-user")
def test_vfio_user(lab: Lab) -> None:
    reset(lab, 500)


@pytest.mark.machine(cpus=2)
@pytest.mark.transport("vfio-user,page=1")
def test_vfio_user_with_a_doorbell_page(lab: Lab) -> None:
    reset(lab, 500)


def reset(lab: Lab, count: int) -> None:
    """Rings `count` times in each way, one by one. On vfio-user each reset takes 2.1 s, in which
    no request is completed, and comes after at most 0.2 s of traffic."""
    runs = finish(boot(lab, RESET_ALL_THE_TIME.strip(), f"{RING} 1 --count {count}",
                       f"{RING} 64 --count {DEEP}", RESETS_WERE_MANY.strip()))
    lab.check()
    assert [run["rings"] for run in runs] == [count] * WAYS + [DEEP] * WAYS


# Unbinds once nothing is answered any more, and then fills nearly all free memory: the device would
# overwrite some of it when it runs again, had its memory been freed.
# Each access to a device that doesn't answer stops a CPU for 5 s, which its watchdogs must bear.
UNBIND_AND_FILL = """
echo 1 >/sys/module/rcupdate/parameters/rcu_cpu_stall_suppress
echo 0 >/proc/sys/kernel/watchdog
cd /sys/class/misc/bellwire0/device
device=$(basename $(readlink -f .))
interrupts() { awk '/-edge *0000:/ { had += $2 + $3 } END { print had + 0 }' /proc/interrupts; }
free() { awk '/MemFree/ { print int($2 / 1024) - 24 }' /proc/meminfo; }
bell ring --count 100000000 --depth 64 >/dev/null 2>&1 &
until [ $(interrupts) -gt 100 ]; do usleep 10000; done
echo '# under way'
until [ -n "$before" ] && [ "$before" = $(interrupts) ]; do before=$(interrupts); sleep 1; done
echo $device >/sys/bus/pci/drivers/bellwire/unbind
mount -o remount,size=100% /dev/shm
dd if=/dev/zero of=/dev/shm/fill bs=1M count=$(free) 2>/dev/null
echo '# filled'
sleep 5
echo 'KTAP version 1'; echo 1..2
[ $(tr -d '\\0' </dev/shm/fill | wc -c) = 0 ] || echo -n 'not '
echo 'ok 1 the device wrote into nobody else'
dmesg | grep -q '[0-9] bytes of memory at .* are never freed, since the card may still write there' || echo -n 'not '
echo 'ok 2 what was kept, and why, is in the log'
"""


@pytest.mark.machine(cpus=2)
@pytest.mark.transport("vfio-user,page=1,awake=1")
def test_memory_is_kept_that_a_stopped_device_may_write(lab: Lab, device: Device) -> None:
    vm = boot(lab, UNBIND_AND_FILL.strip())
    said = vm.results.path
    assert vm.until(lambda: "# under way" in said.read_text(), LIMIT)
    device.pause()
    assert vm.until(lambda: "# filled" in said.read_text(), LIMIT), vm.poll()
    device.resume()
    finish(vm)
