# SPDX-License-Identifier: BSD-3-Clause
import unittest
from pathlib import Path

from bellwire.image.guest_image import Image
from bellwire.vms import qemu
from bellwire.vms.qemu import VmConfig


def ports(accel: str, more: int = 0, stdin: int | None = None) -> list[str]:
    """The names of a VM's ports."""
    config = VmConfig(Image("6.1.0", Path("kernel"), Path("initramfs")), accel=accel)
    line = qemu.flat(qemu.line(config, Path(), ports={f"port{number}": Path()
                                                      for number in range(more)}, stdin=stdin))
    return [word.partition("name=bellwire.")[2] for word in line if "name=bellwire." in word]


class PortsTest(unittest.TestCase):
    def test_a_command_is_given_input_where_nothing_is_in_between(self) -> None:
        for accel, given in (("tcg", True), ("kvm", True), ("host", False), ("nested", False)):
            with self.subTest(accel):
                self.assertEqual("stdin" in ports(accel), given)

    def test_no_guest_has_more_than_it_can_name(self) -> None:
        self.assertEqual(len(ports("tcg", qemu.MAX_PORTS - 6)), qemu.MAX_PORTS)
        with self.assertRaisesRegex(AssertionError, "miss one of its ports"):
            ports("tcg", qemu.MAX_PORTS - 5)
