# SPDX-License-Identifier: BSD-3-Clause
import json
import tempfile
import unittest
from collections.abc import Sequence
from pathlib import Path
from unittest import mock

from bellwire.core.places import HarnessError
from bellwire.labs import virtio, wiring
from bellwire.labs.wiring import Place, Wiring
from bellwire.vms import qemu


QEMU = "qemu-of-a-test"


class WiringTest(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.version = self.enterContext(mock.patch.object(qemu, "version", return_value="7.2.22"))

    def wire(self, transport: str, devices: Sequence[str], queues: int = 1) -> Wiring:
        kind, words = wiring.split(transport)
        place = Place(self.folder, self.folder, 8, queues, words, QEMU)
        return kind.wire(place, [virtio.choose(word) for word in devices])

    def lines(self, transport: str, *devices: str) -> list[str]:
        """The command line of each device, behind `bellwire device`."""
        made = self.wire(transport, devices)
        return [" ".join(device.argv[2:]).replace(f"{self.folder}/", "") for device in made.devices]

    def test_over_vfio_user_each_kind_gets_the_words_that_it_takes(self) -> None:
        self.assertEqual(self.lines("vfio-user,page=1,packed=0", "echo", "rng"), [
            "echo --on vfio-user:device0,vectors=8,page=1 --control control0",
            "rng --on vfio-user:device1,packed=0 --control control1"])

    def test_ring_devices_on_virtqueues_are_no_cards(self) -> None:
        self.assertEqual(self.lines("vfio-user,virtio=1,packed=0", "echo", "rng", "edu"), [
            "echo --on vfio-user:device0,virtio=1,packed=0 --control control0",
            "rng --on vfio-user:device1,packed=0 --control control1",
            "edu --on vfio-user:device2 --control control2"])
        for word, driven in (("virtio=0", True), ("virtio=1", False)):
            choice = virtio.choose("echo")
            self.assertEqual(wiring.driven_by_module(choice, [word]), driven)
        with self.assertRaisesRegex(HarnessError, "page=1 is about our card"):
            wiring.split("vfio-user,page=1,virtio=1")

    def test_a_whole_pci_device_gets_no_words_of_ring_devices(self) -> None:
        self.assertEqual(self.lines("vfio-user,page=1,packed=0", "edu"),
                         ["edu --on vfio-user:device0 --control control0"])

    def test_over_ivshmem_the_switchboard_makes_memory_of_that_size(self) -> None:
        switchboard = self.wire("ivshmem,entries=64,payload=512", ["echo"]).switchboard
        assert switchboard
        self.assertEqual(switchboard.argv[-2:], ["--entries=64", "--payload=512K"])

    def test_over_vhost_user_either_side_listens(self) -> None:
        self.assertEqual(self.lines("vhost-user", "blk=1M"),
                         ["blk --on vhost-user:device0 --control control0 --size 1048576 --queues=1"])
        self.assertEqual(self.lines("vhost-user,server=1", "rng"),
                         ["rng --on vhost-user:device0,connect=1 --control control0"])

    def test_qemus_front_end(self) -> None:
        plug = self.wire("vhost-user,packed=1,server=1", ["rng", "blk=1M"], 2).plug(1, 1)
        (_, chardev), (_, device) = plug.commands()
        self.assertTrue(chardev["backend"]["data"]["server"])
        self.assertEqual(device, {
            "id": "wire1", "bus": "port1", "chardev": "wire1", "driver": "vhost-user-blk-pci",
            "num-queues": 2, "packed": True})
        self.assertEqual(json.loads(plug.arguments()[-1]), device)
        self.assertIn("server=on", plug.arguments()[1])

    def test_ring_devices_have_a_front_end_that_does_not_recover(self) -> None:
        plug = self.wire("vhost-user,reconnect=1", ["echo"]).plug(0, 0)
        self.assertIn(",server=off", plug.arguments()[1])
        self.assertNotIn("reconnect", plug.arguments()[1])
        self.assertEqual(json.loads(plug.arguments()[-1]), {
            "id": "wire0", "bus": "port0", "chardev": "wire0", "driver": "vhost-user-test-device-pci",
            "virtio-id": 38, "num_vqs": 1, "config_size": 24, "packed": False})
        self.assertEqual(self.lines("vhost-user", "echo"),
                         ["echo --on vhost-user:device0 --control control0"])

    def test_qemu_connects_again_by_the_word_that_it_knows(self) -> None:
        for version, word in (("7.2.22 (Debian)", "reconnect=1"), ("11.1.3", "reconnect-ms=1000")):
            self.version.return_value = version
            plug = self.wire("vhost-user,reconnect=1", ["blk=1M"]).plug(0, 0)
            self.assertIn(f",server=off,{word}", plug.arguments()[1])

    def test_a_front_end_that_does_not_recover_never_connects_again(self) -> None:
        plug = self.wire("vhost-user,reconnect=1", ["rng"]).plug(0, 0)
        self.assertNotIn("reconnect", plug.arguments()[1])
        for kind, survives in (("rng", False), ("blk", True), ("net", True)):
            for word in ("server=1", "reconnect=1"):
                self.assertEqual(
                    wiring.survives("vhost-user", [word], virtio.KINDS[kind]), survives)

    def test_all_cards_are_ports_of_one_switch(self) -> None:
        self.assertEqual(self.lines("vhost-user", "net", "rng", "net=tap0", "net=tap0"), [
            "net --on vhost-user:device0 --control control0 --on=vhost-user:device2 --tap=tap0 "
            "--on=vhost-user:device3",
            "rng --on vhost-user:device1 --control control1"])
        made = self.wire("vhost-user", ["net", "net"])
        self.assertEqual(made.devices[0].socket, self.folder / "device1")
        (_, chardev), (_, netdev), (_, device) = made.plug(1, 1).commands()
        self.assertEqual((chardev["id"], netdev["chardev"], netdev["id"], device["netdev"]),
                         ("wire1", "wire1", "net1", "net1"))
        self.assertEqual(device["mac"], "52:54:00:62:77:01")

    def test_words_that_a_transport_does_not_have(self) -> None:
        for transport, expected in (("vhost-user,page=1", "no 'page=1', but packed=0"),
                                    ("vhost-user,packed=1,packed=0", "packed is given twice"),
                                    ("vfio-user,pages=1", "no 'pages=1', but packed=0"),
                                    ("vfio-user,", "no '', but packed=0"),
                                    ("ivshmem,page=1", "no 'page=1', but memory="),
                                    ("vhost-user,server=1,reconnect=1", "leave out server=1"),
                                    ("vhost", "'vhost' is not one of ivshmem, vfio-user")):
            with self.assertRaisesRegex(HarnessError, expected):
                wiring.split(transport)
