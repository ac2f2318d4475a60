# SPDX-License-Identifier: BSD-3-Clause
"""What is in a VM's slots: ivshmem-doorbell on a switchboard's socket, vfio-user-pci on the socket
of its device, one of QEMU's front-ends of vhost-user on the socket of its back-end, or a disk or a
network card of QEMU's own.

Each is a few objects, which stand on QEMU's command line or are plugged in by QMP.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

Commands = list[tuple[str, dict[str, Any]]]  # of QMP, with their arguments
# The command that undoes each, and the argument of both that names the object.
UNDO = {"device_add": ("device_del", "id"), "netdev_add": ("netdev_del", "id"),
        "chardev-add": ("chardev-remove", "id"), "blockdev-add": ("blockdev-del", "node-name")}


def value(path: Path) -> str:
    """A path in an option's value, where QEMU reads two commas as one."""
    return str(path).replace(",", ",,")


@dataclass(frozen=True)
class Plug:
    """A PCI device in one of the VM's slots."""

    slot: int

    @property
    def kept(self) -> "Plug | None":
        """What a saved state depends on if it has this device; None: it can't have it, or there are
        too few VMs with the same."""
        return None

    @property
    def name(self) -> str:
        return f"wire{self.slot}"

    @property
    def port(self) -> str:
        return f"port{self.slot}"

    def commands(self) -> Commands:
        """The QMP commands that plug it in."""
        raise NotImplementedError

    def removal(self) -> Commands:
        """The QMP commands that unplug it: first the device, which the guest must release, then what
        it stood on."""
        return [(undo, {name: arguments[name]}) for command, arguments in reversed(self.commands())
                for undo, name in (UNDO[command],)]

    def arguments(self) -> list[str]:
        """The same as arguments of QEMU."""
        raise NotImplementedError


@dataclass(frozen=True)
class SocketPlug(Plug):
    """One on a socket."""

    socket: Path

    def _chardev(self, how: Mapping[str, Any] = {"server": False}) -> tuple[str, dict[str, Any]]:
        """That connects to the socket, or listens there."""
        address = {"type": "unix", "data": {"path": str(self.socket)}}
        return "chardev-add", {"id": self.name, "backend": {
            "type": "socket", "data": {"addr": address, **how}}}


@dataclass(frozen=True)
class IvshmemPlug(SocketPlug):
    """To a switchboard. `usual`: to ours, for one slot with as much memory as most have. Then QEMU
    can save it, by the property `master`, which means nothing else here. It must be the first guest there."""

    vectors: int
    usual: bool = False

    @property
    def kept(self) -> Plug | None:
        return replace(self, socket=Path()) if self.usual else None

    def commands(self) -> Commands:
        device = {"driver": "ivshmem-doorbell", "id": self.name, "chardev": self.name,
                  "bus": self.port, "vectors": self.vectors}
        return [self._chardev(), ("device_add", device | ({"master": "on"} if self.usual else {}))]

    def arguments(self) -> list[str]:
        return ["-chardev", f"socket,id={self.name},path={value(self.socket)}", "-device",
                f"ivshmem-doorbell,id={self.name},chardev={self.name},bus={self.port},"
                f"vectors={self.vectors}{',master=on' if self.usual else ''}"]


@dataclass(frozen=True)
class VfioUserPlug(SocketPlug):
    """To a device that serves the whole PCI function."""

    def device(self) -> dict[str, Any]:
        return {"driver": "vfio-user-pci", "id": self.name, "bus": self.port,
                "socket": {"type": "unix", "path": str(self.socket)}}

    def commands(self) -> Commands:
        return [("device_add", self.device())]

    def arguments(self) -> list[str]:
        return ["-device", json.dumps(self.device())]


CONNECT = {"server": False}
# Waits for the back-end, and for the next one when it has gone. Without `wait`, a front-end that is
# plugged in before the back-end has connected kills QEMU (7.2, rng).
LISTEN = {"server": True, "wait": True}
AGAIN_MS = (9, 2)  # the first version of QEMU that counts milliseconds


def reconnecting(version: tuple[int, int]) -> dict[str, Any]:
    """Connects, and tries to connect again every second when the back-end has gone."""
    return CONNECT | ({"reconnect-ms": 1000} if version >= AGAIN_MS else {"reconnect": 1})


def _word(value: object) -> str:
    """A value in an option."""
    return ("on" if value else "off") if isinstance(value, bool) else str(value)


@dataclass(frozen=True)
class VhostUserPlug(SocketPlug):
    """To the back-end of a virtio device, whose `properties` name QEMU's front-end. Some front-ends
    take the chardev, a network card takes a `netdev` in between. `how`: the chardev's options, which
    say what QEMU does when the back-end has gone: CONNECT, LISTEN, or reconnecting()."""

    properties: Mapping[str, Any]
    netdev: bool = False
    how: Mapping[str, Any] = field(default_factory=lambda: CONNECT)

    def commands(self) -> Commands:
        return [self._chardev(self.how),
                *([("netdev_add", self._netdev())] if self.netdev else []),
                ("device_add", self._device())]

    def arguments(self) -> list[str]:
        how = "".join(f",{name}={_word(value)}" for name, value in self.how.items())
        return ["-chardev", f"socket,id={self.name},path={value(self.socket)}{how}",
                *(["-netdev", json.dumps(self._netdev())] if self.netdev else []),
                "-device", json.dumps(self._device())]

    def _netdev(self) -> dict[str, Any]:
        return {"type": "vhost-user", "id": f"net{self.slot}", "chardev": self.name}

    def _device(self) -> dict[str, Any]:
        link = {"netdev": f"net{self.slot}"} if self.netdev else {"chardev": self.name}
        return {"id": self.name, "bus": self.port, **link, **self.properties}


@dataclass(frozen=True)
class DiskPlug(Plug):
    """A virtio disk that QEMU serves from a file. The guest finds it by its `serial`, of up to 20
    characters."""

    file: Path
    serial: str
    format: str = "raw"

    def commands(self) -> Commands:
        return [("blockdev-add", self._node()), ("device_add", self._device())]

    def arguments(self) -> list[str]:
        return ["-blockdev", json.dumps(self._node()), "-device", json.dumps(self._device())]

    def _node(self) -> dict[str, Any]:
        return {"driver": self.format, "node-name": self.name, "discard": "unmap",
                "file": {"driver": "file", "filename": str(self.file)}}

    def _device(self) -> dict[str, Any]:
        return {"driver": "virtio-blk-pci", "id": f"disk{self.slot}", "bus": self.port,
                "drive": self.name, "serial": self.serial}


@dataclass(frozen=True)
class UserNetPlug(Plug):
    """A network card behind which QEMU is a router to this machine's network: no root, no tap."""

    mac: str

    def commands(self) -> Commands:
        return [("netdev_add", self._netdev()), ("device_add", self._device())]

    def arguments(self) -> list[str]:
        return ["-netdev", json.dumps(self._netdev()), "-device", json.dumps(self._device())]

    def _netdev(self) -> dict[str, Any]:
        return {"type": "user", "id": f"net{self.slot}"}

    def _device(self) -> dict[str, Any]:
        # romfile: it is in a package of its own, and guests don't boot from the network.
        return {"driver": "virtio-net-pci", "id": self.name, "bus": self.port, "mac": self.mac,
                "netdev": f"net{self.slot}", "romfile": ""}
