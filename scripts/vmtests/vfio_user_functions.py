# SPDX-License-Identifier: BSD-3-Clause
"""Our own PCI devices in a VM: edu, driven from user space; docs/examples/idio16, for which Linux has
a driver; virtio devices, with Linux's own drivers; and ring devices on virtqueues."""

import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bellwire import Device, Lab
from bellwire.core.places import BUILD
from bellwire.image import build, kernel
from bellwire.labs.extras import Extra
from bellwire.labs.virtio import KINDS
from bellwire.plugin import Labs
from bellwire.vms import toolbox
from bellwire.vms.plugs import Commands, Plug, VfioUserPlug, VhostUserPlug
from vmtests.case import GUESTS_MEMORY, boot, finish, vm_config
from vmtests.disks import write

IDIO16 = BUILD / "release/docs/examples/idio16/idio16"
PATIENCE = 60  # seconds
PARAMETER_SERVER = 38  # the virtio ID that ring devices have over vhost-user
ROOM = "echo 1 >/proc/sys/vm/nr_hugepages"

# The test answers each output of the guest with new inputs.
LINES = """
soon() { for try in $(seq 400); do "$@" && return; usleep 50000; done; return 1; }
tell() { what=$1 n=$((n + 1)); shift; soon "$@" && echo "ok $n $what" || echo "not ok $n $what"; }
is() { [ "$(cat $1/value)" = $2 ]; }
interrupted() { grep -Eq '^ *[0-9]+: +[1-9][0-9]* .* 0000:01' /proc/interrupts; }
cd /sys/class/gpio
base=$(cat gpiochip*/base)
for line in 0 15 16 31; do echo $((base + line)) >export; done
echo both >IIN0/edge
echo KTAP version 1; echo 1..6
echo 1 >OUT0/value; echo 1 >OUT15/value
tell "the lines that it set read as set" is OUT15 1
tell "the device set its lowest line" is IIN0 1
tell "and its highest" is IIN15 1
tell "an interrupt announced that" interrupted
echo 0 >OUT0/value
tell "the device cleared its lowest line" is IIN0 0
tell "and its highest is as it was" is IIN15 1
"""

TOOLS = """
soon() { for try in $(seq 400); do "$@" && return; usleep 50000; done; return 1; }
tell() { what=$1 n=$((n + 1)); shift; soon "$@" && echo "ok $n $what" || echo "not ok $n $what"; }
interrupted() { grep -Eq "^ *[0-9]+: +[1-9][0-9]* .* $1" /proc/interrupts; }
bound() { [ -e /sys/bus/virtio/devices/virtio1/driver ]; }
"""

# virtio0 is the console. A reset in between: the driver goes, and comes again.
RNG = TOOLS + """
echo KTAP version 1; echo 1..7
current() { grep -q virtio_rng /sys/class/misc/hw_random/rng_current; }
fetch() { [ $(dd if=/dev/hwrng bs=1024 count=64 2>/dev/null | tee $1 | wc -c) = 65536 ]; }
differ() { ! cmp -s $1 $2; }
tell "Linux's driver is bound" bound
tell "it is the kernel's source" current
tell "64 KiB come from it" fetch /tmp/first
tell "by MSI-X" interrupted virtio1
driver=$(readlink -f /sys/bus/virtio/devices/virtio1/driver)
echo virtio1 >$driver/unbind
echo virtio1 >$driver/bind
tell "it is bound again" bound
tell "64 KiB more come from it" fetch /tmp/second
tell "which are others" differ /tmp/first /tmp/second
"""


# Two cards at one switch, over both transports; the second has a network of its own.
NET = TOOLS + """
echo KTAP version 1; echo 1..4
bound() { [ -e /sys/class/net/eth0 ] && [ -e /sys/class/net/eth1 ]; }
all_answered() { ping -A -q -c 100 10.9.0.2 | grep -q ' 100 packets received'; }
tell "Linux's driver is bound to both" bound
unshare -n sh -c 'echo $$ >/run/other; exec sleep 1000' &
tell "the second goes elsewhere" [ -s /run/other ]
other=$(cat /run/other)
ip link set eth1 netns $other
ip addr add 10.9.0.1/24 dev eth0
ip link set eth0 up
nsenter -n -t $other ip addr add 10.9.0.2/24 dev eth1
nsenter -n -t $other ip link set eth1 up
tell "pings are answered" all_answered
tell "by MSI-X" interrupted virtio.-input
kill $other
"""


class EduPlug(Plug):
    """QEMU's own device."""

    def _device(self) -> dict[str, Any]:
        return {"driver": "edu", "id": self.name, "bus": self.port}

    def commands(self) -> Commands:
        return [("device_add", self._device())]

    def arguments(self) -> list[str]:
        return ["-device", json.dumps(self._device())]


def on_socket(path: Path, virtio: bool = False) -> Extra:
    """The device that is served there over vfio-user."""
    return Extra(lambda slot: VfioUserPlug(slot, path), virtio=virtio)


def lab_with(labs: Labs, *extras: Extra, version: str = kernel.DEFAULT, **chosen: Any) -> Lab:
    """A lab without devices of its own, whose VM has these."""
    return labs.add(Lab(vm_config(version, 1, **chosen), labs.folder(), (), extras=extras))


@contextmanager
def running(device: Device) -> Iterator[Device]:
    try:
        device.start()
        yield device
    finally:
        device.stop()


@pytest.mark.transport("vfio-user")
@pytest.mark.device("edu")
def test_edu_with_memory_that_it_maps(lab: Lab, device: Device) -> None:
    drive_edu(lab, device, maps=True)


def test_edu_with_memory_that_it_asks_for(labs: Labs, folder: Path) -> None:
    socket = folder / "device"
    lab = lab_with(labs, on_socket(socket), shared_memory=False,
                   program=toolbox.find(toolbox.VFIO_USER, "vfio-user-pci"))
    with running(Device(lab.folder, "edu", 0, f"vfio-user:{socket}", socket)) as device:
        drive_edu(lab, device, maps=False)


def drive_edu(lab: Lab, device: Device, maps: bool) -> None:
    vm = boot(lab, ROOM, "bell edu --dma 32M")
    mapped = re.search(GUESTS_MEMORY, Path(f"/proc/{device.pid}/maps").read_text())
    assert bool(mapped) == maps
    finish(vm)
    device.check()


def test_qemus_edu_is_driven_alike(labs: Labs) -> None:
    finish(boot(lab_with(labs, Extra(EduPlug, virtio=False)), ROOM, "bell edu --qemus --dma 64K"))


@pytest.mark.transport("vfio-user")
@pytest.mark.device("rng")
def test_linux_takes_entropy_from_our_rng(lab: Lab) -> None:
    finish(boot(lab, RNG))
    lab.check()


@pytest.mark.transport("vfio-user,virtio=1")
@pytest.mark.device("delay")
def test_delay_is_driven_by_vfio_user(lab: Lab) -> None:
    drive_virtqueue(lab)


@pytest.mark.transport("vhost-user,packed=1")
@pytest.mark.device("digest")
def test_digest_is_driven_behind_qemus_front_end(lab: Lab) -> None:
    drive_virtqueue(lab, PARAMETER_SERVER)


def drive_virtqueue(lab: Lab, virtio_id: int = 60) -> None:
    """From user space."""
    bell = f"bell virtio --id {virtio_id}"
    finish(boot(lab, ROOM, bell, f"{bell} --split --count 1000"))
    lab.check()


def test_linux_keeps_a_file_system_on_our_disk(labs: Labs, disk: Path) -> None:
    write(labs, disk, "vfio-user,packed=0")


def test_linux_keeps_one_on_packed_rings(labs: Labs, disk: Path) -> None:
    write(labs, disk, "vfio-user,packed=1")


def test_linux_reaches_another_card_of_our_switch(labs: Labs, folder: Path) -> None:
    socket, other, kind = folder / "device", folder / "other", KINDS["net"]
    lab = lab_with(
        labs, on_socket(socket, virtio=True),
        Extra(lambda slot: VhostUserPlug(slot, other, kind.front_end, kind.netdev), kind.modules),
        program=toolbox.find(toolbox.VFIO_USER, "vfio-user-pci"), shared_memory=True)
    switch = Device(lab.folder, "net", 0, f"vfio-user:{socket}", other)
    switch.add_options([f"--on=vhost-user:{other}"])
    with running(switch):
        finish(boot(lab, NET))
        switch.check()


@contextmanager
def idio16(socket: Path, log: Path) -> Iterator[subprocess.Popen[str]]:
    """It reports its outputs, and its inputs are what it reads."""
    build.programs("idio16")
    with log.open("wb") as file, \
            subprocess.Popen([IDIO16, "--on", f"vfio-user:{socket}"], stdin=subprocess.PIPE,
                             stdout=file, stderr=file, text=True) as card:
        try:
            until(socket.exists)
            yield card
        finally:
            card.kill()


def test_linux_drives_the_example(labs: Labs, folder: Path) -> None:
    socket = folder / "device"
    lab = lab_with(labs, on_socket(socket), version="6.1-generic",
                   program=toolbox.find(toolbox.VFIO_USER, "vfio-user-pci"))
    said = lab.folder / "idio16.log"
    with idio16(socket, said) as card:
        vm = boot(lab, LINES, drivers=["gpio-pci-idio-16"])
        for outputs, inputs in (("0x8001", "0x8001"), ("0x8000", "0x8000")):
            until(lambda: outputs in said.read_text())
            print(inputs, file=card.stdin, flush=True)
        finish(vm)
        assert re.findall(r"outputs (\w+)", said.read_text())[:3] == ["0x0001", "0x8001", "0x8000"]
        assert card.poll() is None


def until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.01)
