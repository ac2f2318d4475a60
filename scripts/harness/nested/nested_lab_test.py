# SPDX-License-Identifier: BSD-3-Clause
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from bellwire.core.places import HarnessError
from bellwire.image.cpio import Archive
from bellwire.image.guest_image import BUSYBOX, Image
from bellwire.nested import emulated_host
from bellwire.nested.emulated_host import Meter, mark
from bellwire.nested.nested_lab import NestedVm
from bellwire.vms.qemu import VmConfig
from bellwire.vms.verdict import DEAD

# Stand-ins for the host's QEMU; $folder holds the files of the guest, $folder/host the host's.
HOST_UP = 'echo "ready 1" >$folder/host/status\n'
UP = HOST_UP + 'echo "ready 2" >$folder/status\n'
PANIC = 'echo "[    2.0] Kernel panic - not syncing: sysrq" >$folder/'


class NestedTest(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.base = self.folder / "base"
        self.base.write_bytes(b"base")
        self.image = Image("6.1.0", self.base, self.base)
        self.enterContext(mock.patch.object(emulated_host, "make_image", return_value=self.image))
        self.enterContext(mock.patch.object(emulated_host, "PROGRAM", BUSYBOX))

    def vm(self, script: str) -> NestedVm:
        fake = self.folder / "qemu"
        fake.write_text(f"#!/bin/sh\nfolder={self.folder}\n: >$folder/console.log\n"
                        f": >$folder/status\n{script}\n")
        fake.chmod(0o755)
        overlay = self.folder / "overlay.cpio"
        overlay.touch()
        meter = Meter(self.folder, self.folder / "private")
        config = VmConfig(self.image, "nested", str(fake), cold=True)
        return self.enterContext(NestedVm(config, self.folder, overlay, (), [meter], meter))

    def test_the_commands_status(self) -> None:
        vm = self.vm(UP + 'echo "exit 7" >>$folder/status; echo "exit 0" >>$folder/host/status')
        self.assertIsNone(vm.boot())
        self.assertEqual(vm.wait(10).status, 7)

    def test_the_guest_panics(self) -> None:
        vm = self.vm(UP + PANIC + 'console.log; echo "exit 0" >>$folder/host/status')
        self.assertIsNone(vm.boot())
        verdict = vm.wait(10)
        self.assertEqual(verdict.status, DEAD)
        self.assertIn("panicked: sysrq", verdict.reason)

    def test_the_host_panics(self) -> None:
        vm = self.vm(UP + "sleep 0.1\n" + PANIC + "host/console.log")
        self.assertIsNone(vm.boot())
        with self.assertRaisesRegex(HarnessError, "the emulated host: the guest panicked"):
            vm.wait(10)

    def test_the_guests_qemu_refuses(self) -> None:
        vm = self.vm(HOST_UP + 'echo "no such option" >$folder/qemu.log\n'
                               'echo "exit 1" >>$folder/host/status; exec sleep 60')
        with self.assertRaisesRegex(HarnessError, "QEMU refused: no such option"):
            vm.boot()

    def test_a_process_ends_by_itself(self) -> None:
        vm = self.vm(HOST_UP + 'echo "no tracefs" >$folder/meter.log\n'
                               'echo "0 137" >$folder/host/stderr; exec sleep 60')
        with self.assertRaisesRegex(HarnessError, "the meter was killed by SIGKILL: no tracefs"):
            vm.boot()

    def test_what_else_the_shell_says(self) -> None:
        vm = self.vm(HOST_UP + 'echo "no tracefs" >$folder/meter.log\n'
                     'printf "sh: write error: No space\\n7 7 7\\n99 1\\n\\377 0\\n" '
                     '>$folder/host/stderr\n'
                     'printf "0 1" >>$folder/host/stderr; sleep 1; echo 37 >>$folder/host/stderr\n'
                     'exec sleep 60')
        with self.assertRaisesRegex(HarnessError, "the meter was killed by SIGKILL: no tracefs"):
            vm.boot()

    def test_the_host_runs_the_line_of_a_good_kvm(self) -> None:
        vm = self.vm("")
        started = (self.folder / "host/start.sh").read_text()
        self.assertIn(f"{self.folder}/qemu -M q35", started)
        self.assertIn("-accel kvm -cpu host", started)
        self.assertIn(f"path={self.folder}/status", started)
        self.assertIn("-accel tcg", " ".join(word for group in vm.host.line for word in group))

    def test_a_command_brings_the_programs_that_it_names(self) -> None:
        command, environment, archive = emulated_host.pack_command(
            [str(BUSYBOX), "ls", "/nowhere", "a b"])
        self.assertEqual(command, [str(BUSYBOX), "ls", "/nowhere", "a b"])
        self.assertIn("/usr/bin", environment["PATH"])
        self.assertIn(b"bin/busybox\0", archive.data())


COUNTS = """before exits 10
before mmio_exits 5
after exits 30
after mmio_exits 5
after kvm_mmio{gpa:fe80000c} 7
"""


class MeterTest(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.meter = Meter(self.folder, Path("/tmp/private"))

    def test_what_was_counted_between_two_marks(self) -> None:
        self.meter.counters.write_text(COUNTS)
        counted = self.meter.between("before", "after")
        self.assertEqual(counted, {"exits": 20, "kvm_mmio{gpa:fe80000c}": 7})
        self.assertEqual(counted["mmio_exits"], 0)

    def test_the_guests_port_leads_to_it(self) -> None:
        config = self.meter.on(VmConfig(Image("6.1", self.folder, self.folder), extra=("-x",)))
        self.assertEqual(config.extra[0], "-x")
        self.assertIn("pipe,id=meter,path=/tmp/private/meter", config.extra)
        self.assertIn("port/meter", mark("before"))

    def test_the_host_gets_its_pipes(self) -> None:
        archive = Archive()
        self.meter.pack(archive)
        for end in (b"tmp/private/meter.in\0", b"tmp/private/meter.out\0"):
            self.assertIn(end, archive.data())
