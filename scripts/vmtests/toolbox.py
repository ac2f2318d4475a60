# SPDX-License-Identifier: BSD-3-Clause
"""A QEMU that is new enough for vfio-user, with guest memory that a device can map."""

import re
from pathlib import Path

from bellwire.image import kernel
from bellwire.vms import toolbox
from vmtests.case import VmCase, vm_config

EVERY_WAY = "bell ring --ktap --count 200 --device echo,digest --worker all --kick all"


class Toolbox(VmCase):
    def test_rings_in_memory_that_a_device_may_map(self) -> None:
        program = toolbox.find((10, 1), "vfio-user-pci")
        lab = self.lab(("echo", "digest"),
                       on=vm_config(kernel.DEFAULT, 1, program, shared_memory=True))
        lab.start()
        for _ in range(2):  # where the first boots, to save its state, the second is resumed
            vm = self.boot(lab, EVERY_WAY)
            self.assertEqual(mappable(vm.pid), vm.config.memory << 20)
            self.finish(vm)
        lab.check()


def mappable(pid: int | None) -> int:
    """The bytes of memory of that process that are behind descriptors, which it can pass on."""
    maps = Path(f"/proc/{pid}/maps").read_text()
    found = re.findall(r"^(\w+)-(\w+) rw-s .* /memfd:memory-backend", maps, re.MULTILINE)
    return sum(int(end, 16) - int(begin, 16) for begin, end in found)
