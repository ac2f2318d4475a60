# SPDX-License-Identifier: BSD-3-Clause
import unittest
from pathlib import Path
from typing import Any

from bellwire.vms import saved_states
from bellwire.vms.plugs import (DiskPlug, IvshmemPlug, Plug, UserNetPlug, VfioUserPlug,
                               VhostUserPlug)
from bellwire.vms.qmp import QmpError

SOCKET = Path("/run/socket")
PLUGS: tuple[Plug, ...] = (
    IvshmemPlug(0, SOCKET, 8), VfioUserPlug(1, SOCKET),
    VhostUserPlug(2, SOCKET, {"driver": "vhost-user-blk-pci"}),
    VhostUserPlug(3, SOCKET, {"driver": "virtio-net-pci"}, netdev=True),
    DiskPlug(4, Path("/run/disk"), "serial"), UserNetPlug(5, "52:54:00:62:77:01"))


class FakeQmp:
    """Keeps the objects that were added and not removed. As in QEMU, removing a netdev of vhost-user
    removes its chardev."""

    def __init__(self) -> None:
        self.objects: list[str] = []

    def command(self, command: str, /, **arguments: Any) -> Any:
        name = arguments.get("node-name") or arguments.get("id")
        if command == "query-chardev":
            return [{"label": thing.partition(" ")[2]} for thing in self.objects
                    if thing.startswith("chardev ")]
        if command == "cont":
            return None
        kind = command.replace("_", "-").partition("-")[0]
        thing = f"{kind} {name}"
        if command.endswith("add"):
            if thing in self.objects or not name:
                raise QmpError(f"{command}: {thing} already exists")
            self.objects.append(thing)
        else:
            self.objects.remove(thing)
            if command == "netdev_del" and f"chardev wire{str(name)[-1]}" in self.objects:
                self.objects.remove(f"chardev wire{str(name)[-1]}")
        return None

    def await_event(self, event: str, device: str) -> None:
        if f"device {device}" in self.objects:
            raise QmpError(f"no {event}")


class PlugsTest(unittest.TestCase):
    def test_each_can_be_plugged_in_again(self) -> None:
        for plug in PLUGS:
            with self.subTest(type(plug).__name__):
                qmp: Any = FakeQmp()
                saved_states.plug(qmp, [plug])
                self.assertTrue(qmp.objects)
                saved_states.unplug(qmp, plug)
                self.assertEqual(qmp.objects, [])
                saved_states.plug(qmp, [plug])

    def test_a_device_has_the_same_name_on_the_command_line(self) -> None:
        for plug in PLUGS:
            name = plug.removal()[0][1]["id"]
            with self.subTest(type(plug).__name__):
                self.assertRegex(plug.arguments()[-1], rf'id={name},|"id": "{name}"')
