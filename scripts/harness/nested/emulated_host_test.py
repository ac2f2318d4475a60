# SPDX-License-Identifier: BSD-3-Clause
import tempfile
import unittest
from pathlib import Path

from harness.image.cpio import Archive
from harness.image.guest_image import Image
from harness.nested.emulated_host import Meter, mark
from harness.vms.qemu import VmConfig

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
