# SPDX-License-Identifier: BSD-3-Clause
"""What crosses between a guest and its device is recorded, and replayed without the guest, bit for
bit; the time that this takes is printed."""

import filecmp
import re
import subprocess
from pathlib import Path

import pytest

from bellwire import Lab
from bellwire.core.places import PROGRAM, ROOT
from bellwire.plugin import Labs
from vmtests.bell import Bell
from vmtests.case import LIMIT, boot, finish
from vmtests.disks import writes

COUNT = 10_000
ROOM = "echo 1 >/proc/sys/vm/nr_hugepages"


@pytest.mark.transport("ivshmem", "vfio-user")
def test_10_000_requests_are_replayed_bit_for_bit(lab: Lab, bell: Bell, tmp_path: Path) -> None:
    (file,) = lab.record(tmp_path)
    bell.ring(lab.boot(), f"--count {COUNT // 2}")
    bell.ring(lab.vms[0], f"--count {COUNT // 2} --depth 64")
    lab.devices[0].stop()
    assert replayed(file) == COUNT


@pytest.mark.device("delay")
def test_a_device_that_completes_later_is_replayed(lab: Lab, bell: Bell, tmp_path: Path) -> None:
    (file,) = lab.record(tmp_path)
    bell.ring(lab.boot(), "--device delay --count 1000 --depth 64")
    lab.devices[0].stop()
    assert replayed(file) == 1000


def test_what_a_killed_device_had_served_is_replayed(lab: Lab, bell: Bell, tmp_path: Path) -> None:
    (file,) = lab.record(tmp_path)
    bell.ring(lab.boot(), "--count 1000 --depth 64")
    lab.devices[0].kill()
    run = replay(file)
    assert run.returncode == 1 and "is cut at entry" in run.stderr, run
    assert compared(run.stdout) == 1000
    lab.devices[0].start()  # which begins another recording
    bell.ring(lab.vms[0], "--count 10")
    lab.devices[0].stop()
    assert replayed(file) == 10


def replayed_after(lab: Lab, file: Path, command: str) -> str:
    """What is said of the replay of what the command does."""
    finish(boot(lab, ROOM, command))
    lab.devices[0].stop()
    run = replay(file)
    assert run.returncode == 0 and run.stdout.endswith(": the same\n"), run
    return run.stdout


@pytest.mark.transport("vfio-user")
@pytest.mark.device("edu")
def test_a_whole_pci_device_is_replayed(lab: Lab, tmp_path: Path) -> None:
    (file,) = lab.record(tmp_path)
    said = replayed_after(lab, file, "bell edu --dma 1M")
    (counts,) = re.findall(r"edu: ([\d,]+) accesses; ([\d,]+) answers, transfers and interrupts "
                           r"with ([\d,]+) bytes", said)
    accesses, answers, compared_bytes = (int(count.replace(",", "")) for count in counts)
    assert accesses > 100 and answers > 20 and compared_bytes >= 512 << 10


@pytest.mark.transport("vfio-user,virtio=1")
@pytest.mark.device("delay")
def test_a_ring_device_on_virtqueues_is_replayed(lab: Lab, tmp_path: Path) -> None:
    (file,) = lab.record(tmp_path)
    said = replayed_after(lab, file, "bell virtio --id 60 --count 1000")
    (chains,) = re.findall(r"delay: ([\d,]+) chains; ", said)
    assert int(chains.replace(",", "")) >= 1000


def test_a_disk_of_linux_is_replayed_on_a_copy(labs: Labs, disk: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    for image in (disk, copy):
        with image.open("wb") as file:
            file.truncate(96 << 20)
    lab = labs.make([f"blk={disk}"], transport="vhost-user")
    (recorded,) = lab.record(tmp_path / "new")
    finish(boot(lab, writes(packed=False, busy=False)))
    lab.devices[0].stop()
    assert "by --file COPY" in replay(recorded).stderr
    run = replay(recorded, "--file", copy)
    assert run.returncode == 0 and run.stdout.endswith(": the same\n"), run
    (chains,) = re.findall(r"blk: ([\d,]+) chains; ", run.stdout)
    assert int(chains.replace(",", "")) > 100
    assert filecmp.cmp(disk, copy, shallow=False)


def test_boot_vm_records_each_device(tmp_path: Path) -> None:
    run = subprocess.run(
        [ROOT / "scripts/boot-vm", "--device", "echo", "--device", "digest", "--record",
         tmp_path / "new", "--", "sh", "-c",
         "bell ring --count 1000 && bell ring --count 500 --depth 64 --device digest"],
        capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=LIMIT)
    assert run.returncode == 0, run.stdout + run.stderr
    assert [replayed(tmp_path / f"new/device-{number}.rec") for number in (0, 1)] == [1000, 500]


def replayed(file: Path) -> int:
    """How many requests; all are answered as they were."""
    run = replay(file)
    assert run.returncode == 0 and run.stdout.endswith(": the same\n"), run
    return compared(run.stdout)


def replay(file: Path, *options: str | Path) -> subprocess.CompletedProcess[str]:
    run = subprocess.run([PROGRAM, "replay", file, *options], capture_output=True, text=True,
                         timeout=LIMIT)
    print(run.stdout, end="")
    return run


def compared(said: str) -> int:
    """Requests that were answered, all of them."""
    (counts,) = re.findall(r"([\d,]+) requests, ([\d,]+) completions with [\d,]+ bytes", said)
    requests, completions = (int(count.replace(",", "")) for count in counts)
    assert requests == completions
    return completions
