# SPDX-License-Identifier: BSD-3-Clause
"""A guest's file system on a disk of ours: the shell functions that the guest works with, how its
device is started again, and what the host looks at afterwards."""

import shutil
import subprocess
from pathlib import Path

from bellwire.labs.processes import Device
from bellwire.vms.vm import Vm

ALIVE = "# alive\n"
# For a command whose stdout is its test report. No two files have the same content, so that a block
# in the wrong place is noticed.
TOOLS = """
n=0
tell() { n=$((n + 1)) what=$1; shift; "$@" && echo "ok $n $what" || echo "not ok $n $what"; }
sum() { md5sum | cut -c 1-32; }
mounted() { mkdir -p /mnt && mount -t ext4 /dev/vda /mnt; }
made() { mke2fs -F /dev/vda >/dev/null && mounted; }
# prepare FILE BYTES: the content is in /run/content, its checksum in /run/sums.
prepare() { head -c $2 /dev/urandom >/run/content; echo "$(sum </run/content)  $1" >>/run/sums; }
# store FILE: returns when it is on the disk.
store() { dd if=/run/content of=$1 bs=64k conv=fsync 2>/dev/null; }
# Another writer, which keeps requests under way until `idle`.
busy() {
    (while [ ! -e /run/idle ]; do
        dd if=/dev/zero of=/mnt/scratch bs=256k count=8 conv=fsync 2>/dev/null
    done) &
}
# A line for each time that the disk answers.
heartbeat() {
    (while [ ! -e /run/idle ]; do
        dd if=/dev/vda of=/dev/null bs=4k count=1 iflag=direct 2>/dev/null && echo "# alive"
        usleep 20000
    done) &
}
idle() { touch /run/idle; wait; sync; }
all_read_back() { echo 3 >/proc/sys/vm/drop_caches; md5sum -c -s /run/sums; }
no_request_failed() { ! dmesg | grep -q "I/O error"; }
"""

# reads BLOCKS: reads so many of a disk of zeros, one at a time, and says what is wrong. Linux's driver waits
# for ever for a request that the device does not return: ten seconds without one are enough to know.
READS = """
read_in_turn() { dd if=/dev/vda of=/run/read bs=4k count=$1 iflag=direct 2>/run/said; echo $? >/run/ended; }
count_reads() { read -r count rest </sys/block/vda/stat; }
under_way() { grep -q '[1-9]' /sys/block/vda/inflight; }
refusals() { dmesg | grep -F 'is not a head'; }
reads() {
    rm -f /run/ended; read_in_turn $1 &
    still=0 before=
    while [ ! -e /run/ended ] && [ $still -lt 100 ]; do
        usleep 100000; count_reads
        [ "$count" = "$before" ] && still=$((still + 1)) || still=0
        before=$count
    done
    refusals >&2
    [ -e /run/ended ] || { under_way && echo "a request of the disk is never returned" >&2; return 1; }
    [ "$(cat /run/ended)" = 0 ] || { cat /run/said >&2; return 1; }
    wrong=$(head -c $(($1 * 4096)) /dev/zero | cmp -l - /run/read | wc -l)
    [ $wrong = 0 ] || { echo "$wrong wrong bytes" >&2; return 1; }
}
"""


def restart(vm: Vm, device: Device, disk: Path, limit: float) -> None:
    """Kills the device, and starts it again when the kernel has ended the io_uring of the process,
    which has the file open, and locked, somewhat longer."""
    device.kill()
    vm.until(lambda: f":{disk.stat().st_ino} " not in Path("/proc/locks").read_text(), limit)
    device.start()


def serves_again(vm: Vm, limit: float) -> bool:
    """Waits for two of the guest's heartbeats: a front-end may not survive that its back-end dies
    before it has set it up. False if the guest ended before, or if none came in time."""
    before = _heartbeats(vm)
    return vm.until(lambda: _heartbeats(vm) >= before + 2 or vm.poll() is not None, limit) and \
        vm.poll() is None


def _heartbeats(vm: Vm) -> int:
    return vm.results.path.read_text().count(ALIVE)


def faults(disk: Path) -> list[str]:
    """What e2fsck says against the file system."""
    program = shutil.which("e2fsck", path="/usr/sbin:/sbin") or "e2fsck"
    done = subprocess.run([program, "-fn", disk], text=True, capture_output=True)
    return [f"e2fsck: {line}" for line in done.stdout.splitlines()] if done.returncode else []
