# SPDX-License-Identifier: BSD-3-Clause
"""Debian's own virtio drivers on our devices, over vhost-user."""

import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path

from harness.image import kernel
from harness.labs.lab import Lab
from harness.labs.processes import Device
from harness.vms import plugs
from vmtests.case import LIMIT, VmCase, vm_config

# Bytes of the device: the kernel's generator alone would give some, too, so they are read from
# the hardware's file, which has no other source.
RANDOM = """
echo 'KTAP version 1'; echo 1..3
tell() { "$@" && echo "ok $n $what" || echo "not ok $n $what"; }
n=1 what='the device is the source of the hardware generator'
tell grep -q virtio_rng /sys/class/misc/hw_random/rng_current
n=2 what='64 KiB come'
tell [ $(head -c 65536 /dev/hwrng | tee /run/one | wc -c) = 65536 ]
n=3 what='and other bytes the next time'
head -c 65536 /dev/hwrng >/run/other
tell [ "$(md5sum </run/one)" != "$(md5sum </run/other)" ]
"""


class VhostUser(VmCase):
    def setUp(self) -> None:
        self.private = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="bell")))
        self.socket = self.private / "device"

    def lab_on_socket(self, device: str, chardev: str = "") -> Lab:
        """A lab without wires, whose QEMU has a vhost-user device on the socket."""
        words = ("-chardev", f"socket,id=vu,path={plugs.value(self.socket)}{chardev}",
                 "-device", f"{device},chardev=vu")
        config = vm_config(kernel.DEFAULT, 2, shared_memory=True)
        return self.lab((), on=replace(config, extra=words))

    def device(self, lab: Lab, *words: str, on: str = "") -> Device:
        name, *options = words
        device = Device(lab.folder, name, 0, f"vhost-user:{self.socket}{on}",
                        None if on else self.socket)
        device.add_options(options)
        self.addCleanup(device.stop)
        device.start()
        return device


class Rng(VhostUser):
    def test_rng_gives_bytes(self) -> None:
        lab = self.lab_on_socket("vhost-user-rng-pci,vectors=2")
        device = self.device(lab, "rng")
        vm = lab.vm(["sh", "-c", "exec >/run/bellwire/results\n" + RANDOM],
                    drivers=("virtio_rng",))
        self.assertIsNone(vm.boot(watch=device.check))
        self.finish(vm)
        device.check()


# Two writers, so that requests are in flight at every moment. Each line says that 1 MiB is on the
# disk, which it is only while the device lives.
FILES = 8
WRITES = f"""
echo 'KTAP version 1'; echo 1..4
tell() {{ n=$((n + 1)); what=$1; shift; "$@" && echo "ok $n $what" || echo "not ok $n $what"; }}
n=0
mkdir -p /mnt
mke2fs -F /dev/vda >/dev/null && tell 'a file system is made and mounted' mount -t ext4 /dev/vda /mnt
(while [ ! -e /run/enough ]; do dd if=/dev/zero of=/mnt/scratch bs=256k count=8 conv=fsync; done) \\
    2>/dev/null &
for file in $(seq {FILES}); do
    head -c 1048576 /dev/urandom >/run/now
    dd if=/run/now of=/mnt/$file bs=64k conv=fsync 2>/dev/null
    echo "$(md5sum </run/now | cut -c 1-32)  /mnt/$file" >>/run/sums
    echo "# file $file"
done
touch /run/enough
wait
sync
echo 3 >/proc/sys/vm/drop_caches
tell 'what was written is read back' md5sum -c -s /run/sums
tell 'it is unmounted' umount /mnt
tell 'no request failed' sh -c '! dmesg | grep -q "I/O error"'
"""


def locked(file: Path) -> bool:
    return f":{file.stat().st_ino} " in Path("/proc/locks").read_text()


class Blk(VhostUser):
    def setUp(self) -> None:
        super().setUp()
        self.disk = self.private / "disk"
        with self.disk.open("wb") as file:
            file.truncate(96 << 20)

    def write(self, chardev: str, on: str, kills: int) -> None:
        """A guest makes a file system and writes, while the device is killed and started again so
        many times. Then the host checks the file system."""
        lab = self.lab_on_socket("vhost-user-blk-pci,num-queues=2", chardev)
        device = self.device(lab, "blk", "--file", str(self.disk), "--queues=2", on=on)
        vm = lab.vm(["sh", "-c", "exec >/run/bellwire/results 2>&1\n" + WRITES],
                    drivers=("virtio_blk", "ext4"))
        self.assertIsNone(vm.boot(watch=device.check))
        for number in range(1, kills + 1):
            line = f"# file {number}\n"
            self.assertTrue(vm.until(
                lambda: line in vm.results.path.read_text() or vm.poll() is not None, LIMIT))
            device.kill()
            # The kernel ends the process's io_uring, which has the disk, somewhat later.
            self.assertTrue(vm.until(lambda: not locked(self.disk), LIMIT))
            device.start()
        self.finish(vm)
        device.stop()
        checked = subprocess.run(["/usr/sbin/e2fsck", "-fn", self.disk], text=True, capture_output=True)
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)

    def test_blk_keeps_a_file_system(self) -> None:
        self.write("", "", kills=0)

    def test_blk_killed_under_a_client_that_reconnects(self) -> None:
        self.write(",reconnect=1", "", kills=4)

    def test_blk_killed_under_a_server(self) -> None:
        self.write(",server=on", ",connect=1", kills=FILES - 1)
