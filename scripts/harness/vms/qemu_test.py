# SPDX-License-Identifier: BSD-3-Clause
import shutil
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from bellwire.core.places import Missing
from bellwire.image import build
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


class KernelTest(unittest.TestCase):
    def test_a_resumed_guest_has_its_kernel_unless_it_may_be_reset(self) -> None:
        for resumed, resets, given in ((False, False, True), (True, True, True), (True, False, False)):
            config = VmConfig(Image("6.1.0", Path("kernel"), Path("initramfs")), resets=resets)
            with self.subTest(resumed=resumed, resets=resets):
                words = qemu.flat(qemu.line(config, Path(), resumed=resumed))
                self.assertEqual([word in words for word in ("kernel", "initramfs", "-append")],
                                 [given] * 3)


class VersionTest(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.enterContext(mock.patch.object(build, "BUILD", self.folder / "build"))
        self.asked = self.enterContext(mock.patch.object(
            qemu, "_said_version", wraps=qemu._said_version))
        self.program = self.folder / "qemu"

    def version(self) -> str:
        """As another process finds it."""
        qemu.version.cache_clear()
        return qemu.version(str(self.program))

    def test_a_program_is_asked_once_until_it_changes(self) -> None:
        shutil.copy("/bin/true", self.program)
        self.assertRegex(self.version(), r"^true \(")
        self.assertEqual((self.version(), self.asked.call_count), (self.version(), 1))
        shutil.copy("/bin/false", self.program.with_name("other"))
        self.program.with_name("other").replace(self.program)
        self.assertIn("ended with 1", self.trouble())

    def trouble(self) -> str:
        with self.assertRaises(Missing) as raised:
            self.version()
        return str(raised.exception)

    def test_a_script_is_asked_each_time(self) -> None:
        self.program.write_text("#!/bin/sh\necho QEMU emulator version 9.9\n")
        self.program.chmod(0o755)
        self.assertEqual((self.version(), self.version()), ("9.9", "9.9"))
        self.assertEqual(self.asked.call_count, 2)

    def test_none(self) -> None:
        self.assertIn("doesn't run: [Errno 2]", self.trouble())
