# SPDX-License-Identifier: BSD-3-Clause
"""A lab with a bare wire (guest-kmod/bare) beside an echo device: a baseline for measurements."""

from pathlib import Path
from typing import Self

from harness.core.places import BARE_PEER
from harness.labs.lab import Lab
from harness.labs.processes import Process
from harness.vms.qemu import VmConfig

SLOT = 1  # of the bare wire; the other is the echo's
LIKE_BARE = "--payload 56"  # `bell ring` then carries as much as bare-ring

_TAKE_WIRE = (f"wire=$(readlink -f /sys/class/misc/bellwire{SLOT}/device) && "
              'echo "${wire##*/}" >/sys/bus/pci/drivers/bellwire/unbind && '
              "insmod /lib/modules/bare_wire.ko")


class BarePeer(Process):
    program = BARE_PEER

    def __init__(self, folder: Path, socket: Path) -> None:
        super().__init__("the bare peer", folder / "peer.log", str(socket), str(SLOT))


class BareLab(Lab):
    def __init__(self, config: VmConfig, folder: Path) -> None:
        super().__init__(config, folder, devices=("echo", "bare"))

    def __enter__(self) -> Self:
        super().__enter__()
        self._peer = BarePeer(self.folder, self.private / "socket")
        return self

    @property
    def processes(self) -> list[Process]:
        switchboard, echo, _ = super().processes
        return [switchboard, echo, self._peer]


def turns(count: int, times: int) -> str:
    """The guest's command: `times` turns of `count` rings on either wire, one at a time."""
    return (f"{_TAKE_WIRE} && for turn in $(seq {times}); do "
            f"bell ring --ktap {LIKE_BARE} --count {count} && bare-ring {count} || exit; done")
