# SPDX-License-Identifier: BSD-3-Clause
import contextlib
import io
import tempfile
import unittest
from pathlib import Path

from bellwire.core.places import HarnessError
from bellwire.image.guest_image import Image
from bellwire.vms.qemu import VmConfig
from bellwire.vms.verdict import DEAD, HIGHEST, TIMEOUT
from bellwire.vms.vm import Vm

# Stand-ins for QEMU and its guest; $folder holds the files of the ports.
UP = 'echo "ready 1.5" >$folder/status\n'
PANIC = 'echo "[    2.0] Kernel panic - not syncing: sysrq" >$folder/console.log; exit 0'
HANGS_ONCE = ('if [ -e $folder/again ]; then echo "ready 1" >$folder/status; else\n'
              ': >$folder/again; : >$folder/status; fi; : >$folder/console.log; exec sleep 60')


class VmTest(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.said = self.enterContext(contextlib.redirect_stderr(io.StringIO()))

    def vm(self, script: str) -> Vm:
        fake = self.folder / "qemu"
        fake.write_text(f"#!/bin/sh\nfolder={self.folder}\n: >$folder/console.log\n{script}\n")
        fake.chmod(0o755)
        base = self.folder / "base"
        base.write_bytes(b"base")
        config = VmConfig(Image("6.1.0", base, base), qemu=str(fake), cold=True)
        return self.enterContext(Vm(config, self.folder, self.folder / "overlay.cpio"))

    def test_the_commands_status(self) -> None:
        for status, told in ((0, 0), (7, 7), (HIGHEST, HIGHEST), (127, HIGHEST), (255, HIGHEST)):
            vm = self.vm(f"{UP} echo 'exit {status}' >>$folder/status; exec sleep 60")
            self.assertIsNone(vm.boot())
            verdict = vm.wait(10)
            self.assertEqual((verdict.status, verdict.command_status), (told, status))

    def test_timeout(self) -> None:
        vm = self.vm(f"{UP} exec sleep 60")
        self.assertIsNone(vm.boot())
        self.assertEqual(vm.wait(0.05).status, TIMEOUT)

    def test_panic(self) -> None:
        vm = self.vm(UP + "sleep 0.1\n" + PANIC)
        self.assertIsNone(vm.boot())
        verdict = vm.wait(10)
        self.assertEqual(verdict.status, DEAD)
        self.assertIn("panicked: sysrq", verdict.reason)

    def test_panic_while_it_boots(self) -> None:
        death = self.vm(": >$folder/status\n" + PANIC).boot()
        self.assertEqual(death and death.status, DEAD)

    def test_a_qemu_that_does_not_begin(self) -> None:
        vm = self.vm("rm $folder/console.log; : >$folder/status; echo waiting for a peer; "
                     "exec sleep 60")
        with self.assertRaisesRegex(HarnessError, "QEMU did not begin to run the guest in 0.5 s: "
                                                  "waiting for a peer; its log: "):
            vm.boot(0.5)

    def test_qemu_killed(self) -> None:
        vm = self.vm(f"{UP} exec sleep 60")
        vm.boot()
        vm.kill()
        self.assertIn("SIGKILL", vm.wait(1).reason)

    def test_qemu_refuses(self) -> None:
        with self.assertRaisesRegex(HarnessError, "no such option"):
            self.vm("echo 'no such option' >&2; exit 1").boot()

    def test_a_console_without_end(self) -> None:
        vm = self.vm(f"{UP} truncate -s 300M $folder/console.log; exec sleep 60")
        self.assertIsNone(vm.boot())
        with self.assertRaisesRegex(HarnessError, "console.log' has more than 256 MiB"):
            vm.wait(60)

    def test_half_a_word_is_none(self) -> None:
        vm = self.vm(f"{UP} printf 'exit 1' >>$folder/status; exec sleep 60")
        vm.boot()
        self.assertIsNone(vm.poll())

    def test_a_hung_boot_is_tried_again_once(self) -> None:
        vm = self.vm(HANGS_ONCE)
        self.assertIsNone(vm.boot(limit=0.3))
        self.assertEqual(vm.boots, 2)
        self.assertIn("wasn't ready after 0.3 s, boot 1", self.said.getvalue())
        self.assertTrue((self.folder / "console-boot-1.log").exists())

    def test_a_guest_that_never_comes_up(self) -> None:
        with self.assertRaisesRegex(HarnessError, "hung in 2 boots"):
            self.vm(": >$folder/status; exec sleep 60").boot(limit=0.1)

    def test_a_failed_init(self) -> None:
        with self.assertRaisesRegex(HarnessError, "insmod bellwire.ko"):
            self.vm("echo 'failed insmod bellwire.ko' >$folder/status; exec sleep 60").boot()

    def test_the_watch_ends_a_boot(self) -> None:
        def broken() -> None:
            raise HarnessError("a device died")

        with self.assertRaisesRegex(HarnessError, "a device died"):
            self.vm(": >$folder/status; exec sleep 60").boot(watch=broken)
