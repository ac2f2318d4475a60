# SPDX-License-Identifier: BSD-3-Clause
"""Devices as people name them, such as `echo`, `edu`, `rng` or `blk=64M`, and what the virtio ones
among them need: our process, QEMU's front-end and Linux's driver. A new kind is a row of KINDS."""

import os
import re
import stat
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bellwire.core.places import HarnessError

FUNCTIONS = ("edu",)  # whole PCI devices, with drivers of their own
SECTOR = 512
_SIZE = re.compile(r"([0-9]+)([KMGT]?)", re.IGNORECASE)
_MOST_DIGITS, _MOST_BYTES = 18, 1 << 60
_INTERFACE = re.compile(r"(?!-)[A-Za-z0-9_.-]{1,15}")  # the kernel allows more, people use less
_READ_ONLY = ",read-only"


@dataclass(frozen=True)
class Kind:
    """A kind of virtio device."""

    named: str  # how it is named, for messages
    modules: tuple[str, ...]  # Linux's, which the guest loads
    front_end: Mapping[str, Any]  # QEMU's, over vhost-user
    options: Callable[[str], list[str]]  # of `bellwire device`, by what stands behind "="
    netdev: bool = False  # whether the front-end takes one
    queues: str = ""  # the front-end's property for the number of queues, if they can be several
    recovers: bool = True  # whether the front-end sets up a new back-end when the old one has gone
    shared: bool = False  # whether one process serves all devices of a lab, as ports of a switch


@dataclass(frozen=True)
class Choice:
    """A device that somebody chose."""

    name: str
    value: str = ""  # what stood behind "="
    kind: Kind | None = field(default=None, compare=False)  # None: no virtio device

    @property
    def ring(self) -> bool:
        """Whether it is a ring device, which our module drives."""
        return not self.kind and self.name not in FUNCTIONS

    def options(self, queues: int) -> list[str]:
        """Those of `bellwire device`, for so many queues."""
        if not self.kind:
            return []
        return [*self.kind.options(self.value),
                *([f"--queues={queues}"] if self.kind.queues else [])]


def rings(words: Sequence[str]) -> bool:
    """Whether a ring device is among them."""
    return any(choose(word).ring for word in words)


def choose(word: str) -> Choice:
    name, _, value = word.partition("=")
    return Choice(name, value, KINDS.get(name))


def check(transport: str, words: Sequence[str]) -> None:
    """Raises if the transport does not have one of these devices, or what a device needs is not
    there."""
    for choice in map(choose, words):
        _check_kind(transport.split(",")[0], choice)
        choice.options(1)
    shared = [name for name, times in Counter(_writers(words)).items() if times > 1]
    _check_taps(words)
    if shared:
        raise HarnessError(f"--device blk={shared[0]} is given twice, and two disks can't write to "
                           f"one file, whatever its names: give each a copy, or name it as blk={shared[0]}{_READ_ONLY}")


def _check_taps(words: Sequence[str]) -> None:
    taps = dict.fromkeys(word for word in words if word.startswith("net="))
    if len(taps) > 1:
        raise HarnessError(f"--device {', --device '.join(taps)}: all cards are at one switch, which "
                           "has one tap: name it once, and the others net")


def _check_kind(transport: str, choice: Choice) -> None:
    if choice.kind and transport == "ivshmem":
        raise HarnessError(f"--device {choice.name}: a virtio device needs --transport vhost-user "
                           "or vfio-user; ivshmem has echo, digest and the like")
    if choice.name in FUNCTIONS and transport != "vfio-user":
        raise HarnessError(f"--device {choice.name}: a whole PCI device needs --transport vfio-user")
    if not choice.kind and choice.value:
        raise HarnessError(f"--device {choice.name}={choice.value}: {choice.name} takes no value")


def named() -> str:
    return ", ".join(kind.named for kind in KINDS.values())


def _writers(words: Sequence[str]) -> list[str]:
    """The files of disks, but those that are only read: several disks may have one of those."""
    used = [(_identity(name), name, word) for word in words if (name := file(word))]
    writing = {what: name for what, name, word in reversed(used) if not word.endswith(_READ_ONLY)}
    return [writing[what] for what, _, _ in used if what in writing]


def _identity(name: str) -> tuple[int, int]:
    """The same for all names of a file, or of a block device."""
    status = os.stat(name)
    if stat.S_ISBLK(status.st_mode):
        return -1, status.st_rdev
    return status.st_dev, status.st_ino


def file(word: str) -> str:
    """The file that a disk named so is; "" if it is none."""
    choice = choose(word)
    is_file = choice.name == "blk" and not _SIZE.fullmatch(choice.value)
    return choice.value.removesuffix(_READ_ONLY) if is_file else ""


def _no_value(name: str) -> Callable[[str], list[str]]:
    def options(value: str) -> list[str]:
        if value:
            raise HarnessError(f"--device {name}={value}: {name} takes no value")
        return []

    return options


def _tap(value: str) -> list[str]:
    """A card at the switch of all cards; with a name, that tap interface is at it, too."""
    if value and not _INTERFACE.fullmatch(value):
        raise HarnessError(f"--device net={value}: that is no interface's name: give one of up to 15 "
                           "letters and digits, as in net=tap0")
    return [f"--tap={value}"] if value else []


def _disk(value: str) -> list[str]:
    """A file, a block device, or so much memory, which lives as long as the process."""
    if not value:
        raise HarnessError("--device blk: it needs a disk: blk=FILE, or blk=64M for one of memory")
    if size := _SIZE.fullmatch(value):
        return ["--size", str(_bytes(value, size[1], size[2]))]
    name = value.removesuffix(_READ_ONLY)
    _check_disk(name, value != name)
    return ["--file", str(Path(name).absolute()), *(["--read-only"] if value != name else [])]


def _bytes(value: str, digits: str, unit: str) -> int:
    size = int(digits[:_MOST_DIGITS + 1]) << " KMGT".index(unit.upper() or " ") * 10
    if size > _MOST_BYTES:
        raise HarnessError(f"--device blk={value[:30]}: a disk has at most {_MOST_BYTES} bytes: give "
                           "a size such as 64M")
    if not size or size % SECTOR:
        raise HarnessError(f"--device blk={value}: {size} bytes is not a multiple of {SECTOR} above "
                           "0: give a size such as 64M")
    return size


def _check_disk(name: str, read_only: bool) -> None:
    disk = f"--device blk={name}"
    try:
        mode = os.stat(name).st_mode
    except OSError as error:
        raise HarnessError(f"{disk}: {error.strerror}: create it with truncate -s 64M '{name}', or "
                           "give a size, as in blk=64M") from None
    if not stat.S_ISREG(mode) and not stat.S_ISBLK(mode):
        raise HarnessError(f"{disk} is neither a file nor a block device: name one")
    try:
        with open(name, "rb" if read_only else "r+b", buffering=0) as file:
            size = file.seek(0, os.SEEK_END)
    except OSError as error:
        raise HarnessError(f"{disk} can't be opened for {'reading' if read_only else 'writing'}: "
                           f"{error.strerror}: change that, or name it as "
                           f"blk={name}{_READ_ONLY}") from None
    if not size or size % SECTOR:
        more = f"%{SECTOR}" if size else "64M"
        raise HarnessError(f"{disk} has {size} bytes, which is not a multiple of {SECTOR} above 0: "
                           f"extend it with truncate -s {more} '{name}'")


# A disk comes with what mounts it.
KINDS = {
    "blk": Kind("blk=FILE or blk=64M", ("virtio_blk", "ext4"), {"driver": "vhost-user-blk-pci"},
                _disk, queues="num-queues"),
    # vectors: without KVM, QEMU 7.2 dies when the guest unmasks a vector of MSI-X. romfile: it is in
    # a package of its own, and guests don't boot from the network.
    "net": Kind("net or net=TAP", ("virtio_net",),
                {"driver": "virtio-net-pci", "vectors": 0, "romfile": ""}, _tap, netdev=True,
                shared=True),
    "rng": Kind("rng", ("virtio_rng",), {"driver": "vhost-user-rng-pci", "vectors": 2},
                _no_value("rng"), recovers=False),
}
