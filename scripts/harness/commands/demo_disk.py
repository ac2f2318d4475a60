# SPDX-License-Identifier: BSD-3-Clause
"""The demo of a disk: Linux's own driver on a device of ours, over vhost-user.

The guest makes a file system on it, writes files, and reads each one back from the disk, past its
cache. Meanwhile the device is killed and started again: the requests that were under way are in
memory that QEMU keeps, and the new process completes them.
"""

import json
import random
import time
from pathlib import Path
from typing import Any

from bellwire import ktap
from bellwire.commands.demo_frame import Frame, Part
from bellwire.core import messages, runs
from bellwire.core.growing import LineReader
from bellwire.core.places import HarnessError
from bellwire.labs import guest_disk
from bellwire.labs.lab import Lab
from bellwire.report import logs
from bellwire.report.figures import Column, TextTable
from bellwire.vms.vm import Vm

TITLE = "a guest's file system is on a disk whose process is killed, and nothing is lost"
PICTURE = """\
 guest                                                             host
 files ─▶ ext4 ─▶ virtio_blk ──kick──▶ QEMU ──ioeventfd──▶ device "blk", C++ ──io_uring──▶ file
                  virtio_blk ◀─MSI-X── QEMU ◀──────irqfd── device "blk", C++
                      └─── the guest's memory: virtqueue, data ───┘
"""
TRANSPORT = "vhost-user,server=1"  # QEMU waits for a process that died to come back
TABLE = TextTable((Column("file", 4), Column("MiB", 3), Column("written in s", 12, decimals=2),
                   Column("checksum", 32, left=True), Column("read back", 9, left=True),
                   Column("the device meanwhile", 28, left=True)))
DISK = 128 << 20
FILES = 7
MIB = 8  # in each
KILLS = range(2, 7)  # the files during which the device is killed
LIMIT = 600.0  # seconds for the guest's whole command, and for a lock to go: bounds, not goals
SCRIPT = guest_disk.TOOLS + f"""
exec >/run/bellwire/results
echo KTAP version 1; echo 1..{FILES + 3}
now() {{ read -r up _ </proc/uptime; echo $up; }}
tell "a file system is made" made
heartbeat
for file in $(seq {FILES}); do
    prepare /mnt/$file {MIB << 20}
    wrote=$(sum </run/content)
    echo "# {{\\"file\\": $file}}"
    began=$(now)
    store /mnt/$file
    ended=$(now)
    read=$(dd if=/mnt/$file bs=64k iflag=direct 2>/dev/null | sum)
    echo "# {{\\"file\\": $file, \\"began\\": $began, \\"ended\\": $ended," \\
        "\\"wrote\\": \\"$wrote\\", \\"read\\": \\"$read\\"}}"
    tell "file $file is read back" [ $read.$(wc -c </mnt/$file) = $wrote.{MIB << 20} ]
done
idle
umount /mnt
mounted
tell "all files are read back once more, when it was mounted anew" all_read_back
umount /mnt
read -r reads _ _ _ writes _ _ _ _ _ _ _ _ _ _ flushes _ </sys/block/vda/stat
echo "# {{\\"requests\\": $((reads + writes + flushes))}}"
tell "no request failed" no_request_failed
"""


def run(frame: Frame) -> Part:
    with runs.private_folder() as private:
        disk = private / "disk"
        with disk.open("wb") as made:
            made.truncate(DISK)
        with Lab(frame.config, frame.folder, (f"blk={disk}",), transport=TRANSPORT) as lab:
            lab.start()
            vm = lab.vm(["sh", "-c", SCRIPT])
            if death := vm.boot(watch=lab.check):
                raise HarnessError(death.reason)
            frame.say_up(vm)
            show = _Show(lab, vm, disk)
            verdict = vm.wait(LIMIT, show.follow)
        troubles = show.troubles() + logs.complaints(vm.console) + guest_disk.faults(disk)
    if verdict.status and not troubles:
        troubles = [verdict.reason]
    return Part({"files": show.files, "requests": show.requests, "restarts": show.restarts}, troubles,
                f"{show.requests:,} requests over {show.restarts} restarts, none lost; "
                f"{FILES * MIB} MiB written and read back with equal checksums, and the file system "
                "is clean")


class _Show:
    """Prints a row for each file, and kills the device in between."""

    def __init__(self, lab: Lab, vm: Vm, disk: Path) -> None:
        self._lab, self._vm, self._disk = lab, vm, disk
        self._results = LineReader()
        self._text = ""  # the results so far
        self._kill_at = 0.0
        self._meanwhile: list[str] = []  # what happened to the device during this file
        self.files: list[dict[str, Any]] = []
        self.requests = 0
        self.restarts = 0
        print("Files are written and read back; meanwhile the device is killed by SIGKILL and "
              f"started again\n{TABLE.heading()}", flush=True)

    def follow(self) -> None:
        """Call it repeatedly while the guest runs."""
        messages.to_stderr(self._vm.stderr.read())
        for line in self._results.lines(self._vm.results.read()):
            self._text += f"{line}\n" if f"{line}\n" != guest_disk.ALIVE else ""
            if line.startswith("# {"):
                self._take(json.loads(line.removeprefix("# ")))
        self._lab.check()
        self._lab.check_logs()
        if self._kill_at and time.monotonic() > self._kill_at:
            self._restart_device()

    def troubles(self) -> list[str]:
        """One line per fault of the results."""
        cases = ktap.parse(self._text)
        bad = [f"{case.name}: {case.reason}" for case in cases if case.outcome != "pass"]
        if self.restarts != len(KILLS):
            bad.append(f"the device was restarted {self.restarts} times, not {len(KILLS)}")
        return bad or ([] if cases else ["the guest reported nothing"])

    def _take(self, found: dict[str, Any]) -> None:
        if "requests" in found:
            self.requests = found["requests"]
        elif "wrote" in found:
            self._show_file(found)
        elif found["file"] in KILLS:
            self._kill_at = time.monotonic() + random.uniform(0, 0.1)

    def _show_file(self, found: dict[str, Any]) -> None:
        seconds = round(found["ended"] - found["began"], 2)
        equal = "equal" if found["read"] == found["wrote"] else "different"
        self.files.append({"seconds": seconds, "checksum": found["wrote"],
                           "equal": equal == "equal"})
        print(TABLE.row([found["file"], MIB, seconds, found["wrote"], equal,
                         "; ".join(self._meanwhile)]), flush=True)
        self._meanwhile.clear()

    def _restart_device(self) -> None:
        device = self._lab.devices[0]
        old = device.pid
        began = time.monotonic()
        guest_disk.restart(self._vm, device, self._disk, LIMIT)
        guest_disk.serves_again(self._vm, LIMIT)
        self._kill_at = 0.0
        self.restarts += 1
        self._meanwhile.append(f"killed {old}, {device.pid} serves after "
                               f"{time.monotonic() - began:.1f} s")
