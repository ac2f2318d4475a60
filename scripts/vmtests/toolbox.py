# SPDX-License-Identifier: BSD-3-Clause
"""A QEMU that is new enough for vfio-user, with guest memory that a device can map."""

import re
from pathlib import Path

import pytest

from bellwire import Lab
from vmtests.case import GUESTS_MEMORY, boot, finish

EVERY_WAY = "bell ring --ktap --count 200 --device echo,digest --worker all --kick all"


@pytest.mark.device("echo", "digest")
@pytest.mark.machine(qemu="toolbox", shared_memory=True)
def test_rings_in_memory_that_a_device_may_map(lab: Lab) -> None:
    for _ in range(2):  # where the first boots, to save its state, the second is resumed
        vm = boot(lab, EVERY_WAY)
        assert mappable(vm.pid) == vm.config.memory << 20
        finish(vm)
    lab.check()


def mappable(pid: int | None) -> int:
    """The bytes of memory of that process that are behind descriptors, which it can pass on."""
    maps = Path(f"/proc/{pid}/maps").read_text()
    found = re.findall(rf"^(\w+)-(\w+) rw-s .* {GUESTS_MEMORY}", maps, re.MULTILINE)
    return sum(int(end, 16) - int(begin, 16) for begin, end in found)
