# SPDX-License-Identifier: BSD-3-Clause
"""Debian's own virtio drivers on our devices, over vhost-user.

The sizes are the least that show each thing; the level long writes 64 MiB, and kills 20 times.
"""

from pathlib import Path

import pytest

from bellwire import Lab
from bellwire.plugin import Labs
from vmtests.case import boot, finish
from vmtests.disks import KILLS, write

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


@pytest.mark.transport("vhost-user")
@pytest.mark.device("rng")
def test_rng_gives_bytes(lab: Lab) -> None:
    finish(boot(lab, RANDOM))
    lab.check()


def test_blk_keeps_a_file_system(labs: Labs, disk: Path) -> None:
    write(labs, disk, "vhost-user")


def test_blk_keeps_one_on_packed_rings(labs: Labs, disk: Path) -> None:
    write(labs, disk, "vhost-user,packed=1")


def test_blk_killed_under_a_client_that_reconnects(labs: Labs, disk: Path) -> None:
    write(labs, disk, "vhost-user,reconnect=1", KILLS)


def test_blk_with_two_queues_killed_under_a_server(labs: Labs, disk: Path) -> None:
    write(labs, disk, "vhost-user,server=1", KILLS, cpus=2)


def test_blk_on_packed_rings_killed_under_the_newer_qemu(labs: Labs, disk: Path) -> None:
    write(labs, disk, "vhost-user,packed=1,server=1", KILLS, qemu="toolbox")
