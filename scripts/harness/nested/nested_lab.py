# SPDX-License-Identifier: BSD-3-Clause
"""A lab whose switchboard, devices and VM run in one emulated host, and end with it.

So they start when the VM boots, and can't be killed one by one.
"""

from collections.abc import Sequence
from pathlib import Path

from harness.core.places import HarnessError
from harness.labs.lab import Lab
from harness.labs.processes import Process
from harness.labs.shell_script import script
from harness.nested import meter
from harness.nested.meter import Meter
from harness.nested.nested_vm import NestedVm
from harness.vms.qemu import Machine, Plug
from harness.vms.vm import Vm


class NestedLab(Lab):
    _ports = (meter.PORT,)

    def __enter__(self) -> "NestedLab":
        super().__enter__()
        self.meter = Meter(self.folder, self.private)
        return self

    @property
    def processes(self) -> list[Process]:
        return [*super().processes, self.meter]

    def start(self) -> None:
        """They start with the VM."""

    def _make_vm(self, folder: Path, overlay: Path, plugs: Sequence[Plug], terminal: bool) -> Vm:
        if self.vms:
            raise HarnessError("an emulated host takes one VM")
        return NestedVm(self.machine, folder, overlay, plugs, self.processes, self.meter)

    def _script(self, vm: Vm) -> str:
        return script(vm.host, self.private, ())


def make(machine: Machine, folder: Path, devices: Sequence[str], vectors: int,
         transport: str = "ivshmem", told: Sequence[str] = ()) -> Lab:
    """The lab that such a machine needs."""
    return (NestedLab if machine.nested else Lab)(machine, folder, devices, vectors=vectors,
                                                  transport=transport, told=told)
