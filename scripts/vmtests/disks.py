# SPDX-License-Identifier: BSD-3-Clause
"""A guest's file system on a disk of ours: what the guest does with it, and what the host checks."""

import random
import time
from pathlib import Path
from typing import Any

from bellwire import Lab, Vm
from bellwire.labs import guest_disk
from bellwire.plugin import Labs
from vmtests.case import LENGTH, LIMIT, boot, finish

FILES = 21 if LENGTH > 1 else 5
KILLS = FILES - 1  # each during a file
TOTAL = (64 if LENGTH > 1 else 4) << 20  # bytes of all files


def writes(packed: bool, busy: bool) -> str:
    """The guest's commands: a file system, and files that are read back when the cache is empty.
    "# file N" says that N begins; before that all others are on the disk, which they are only while
    the device lives."""
    return guest_disk.TOOLS + f"""
echo 'KTAP version 1'; echo 1..6
tell 'a file system is made and mounted' made
{"busy; heartbeat" if busy else ""}
for file in $(seq {FILES}); do
    prepare /mnt/$file {TOTAL // FILES}
    echo "# file $file"
    store /mnt/$file
done
idle
tell 'what was written is read back' all_read_back
tell 'it is unmounted' umount /mnt
tell 'the rings are as asked for' [ $(cut -c 35 /sys/block/vda/device/features) = {int(packed)} ]
tell 'interrupts came by MSI-X' grep -Eq 'MSI.* virtio[0-9]+-req' /proc/interrupts
tell 'no request failed' no_request_failed
"""


def write(labs: Labs, disk: Path, transport: str, kills: int = 0, **words: Any) -> None:
    """A guest makes a file system on the disk and writes, while the device is killed and started
    again so many times, at some instant of a file each. Then the host checks the file system."""
    with disk.open("wb") as file:
        file.truncate(96 << 20)
    lab = labs.make([f"blk={disk}"], transport=transport, **words)
    vm = boot(lab, writes("packed=1" in transport, busy=kills > 0))
    for number in range(1, kills + 1):
        kill(lab, vm, disk, f"# file {number}\n")
    finish(vm)
    lab.check()
    lab.devices[0].stop()
    assert guest_disk.faults(disk) == []


def kill(lab: Lab, vm: Vm, disk: Path, line: str) -> None:
    """Kills the device soon after the guest has reported that line, and starts it again; returns
    when it serves."""
    assert vm.until(lambda: line in vm.results.path.read_text() or vm.poll() is not None, LIMIT)
    time.sleep(random.uniform(0, 0.05))
    lab.check()
    guest_disk.restart(vm, lab.devices[0], disk, LIMIT)
    guest_disk.serves_again(vm, LIMIT)
