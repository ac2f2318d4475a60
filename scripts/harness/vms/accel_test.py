# SPDX-License-Identifier: BSD-3-Clause
import contextlib
import io
import os
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from bellwire.core.places import HarnessError
from bellwire.image.guest_image import Image
from bellwire.vms import accel
from bellwire.vms.qemu import VmConfig

# QEMUs as they are met: each finds the guest's status file in its arguments.
STATUS = 'for word; do case $word in *path=*/status) file=${word#*path=};; esac; done\n'
GOOD = STATUS + 'echo "waiting 0.5" >$file; exec sleep 60'
ABORTS = 'echo "error: failed to set MSR 0x10a" >&2; kill -ABRT $$'
REFUSES = 'echo "no such CPU" >&2; exit 1'
HANGS = STATUS + ': >$file; exec sleep 60'


class AccelTest(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.enterContext(mock.patch.dict(os.environ, XDG_CACHE_HOME=str(self.folder / "cache")))
        self.device = self.folder / "kvm"
        self.device.touch()
        self.enterContext(mock.patch.object(accel, "DEVICE", self.device))
        self.said = self.enterContext(contextlib.redirect_stderr(io.StringIO()))

    def config(self, script: str) -> VmConfig:
        fake = self.folder / "qemu"
        fake.write_text(f'#!/bin/sh\necho x >>{self.folder}/starts\n{script}\n')
        fake.chmod(0o755)
        return VmConfig(Image("6.1.0", self.folder / "kernel", self.folder / "cpio"),
                        qemu=str(fake))

    def choose(self, wanted: str, script: str, version: str = "7.2") -> str:
        return accel.choose(wanted, self.config(script), version)

    def starts(self) -> int:
        starts = self.folder / "starts"
        return len(starts.read_text().split()) if starts.exists() else 0

    def test_a_good_one_is_proven_once(self) -> None:
        self.assertEqual([self.choose("auto", GOOD), self.choose("kvm", GOOD)], ["kvm", "kvm"])
        self.assertEqual(self.starts(), 1)
        self.assertEqual(self.said.getvalue(), "")

    def test_one_that_aborts_is_told_once(self) -> None:
        self.assertEqual([self.choose("auto", ABORTS) for _ in range(3)], ["tcg"] * 3)
        self.assertEqual(self.starts(), 1)
        self.assertEqual(self.said.getvalue().count("\n"), 1)
        self.assertIn("SIGABRT, saying 'error: failed to set MSR 0x10a'", self.said.getvalue())

    def test_one_that_hangs_is_stopped(self) -> None:
        self.assertIn("no sign of life", accel.prove(self.config(HANGS), limit=0.3))

    def test_another_qemu_is_proven_anew(self) -> None:
        self.choose("auto", REFUSES)
        self.assertEqual(self.choose("auto", GOOD, version="11.1"), "kvm")

    def test_insisting_fails(self) -> None:
        for _ in range(2):
            with self.assertRaisesRegex(HarnessError, "no such CPU"):
                self.choose("kvm", REFUSES)

    def test_no_device_is_no_news(self) -> None:
        self.device.unlink()
        self.assertEqual(self.choose("auto", GOOD), "tcg")
        self.assertEqual((self.said.getvalue(), self.starts()), ("", 0))
        with self.assertRaisesRegex(HarnessError, "No such file"):
            self.choose("kvm", GOOD)

    def test_a_device_without_permission_says_what_to_type(self) -> None:
        with mock.patch.object(Path, "open", side_effect=PermissionError):
            problem = accel.closed(self.device)
        self.assertIn("usermod", problem.remedy if problem else "")

    def test_tcg_asks_nobody(self) -> None:
        self.assertEqual((self.choose("tcg", GOOD), self.starts()), ("tcg", 0))

    def test_an_emulated_host_needs_no_kvm_here(self) -> None:
        self.device.unlink()
        self.assertEqual((self.choose("nested", GOOD), self.starts()), ("nested", 0))
