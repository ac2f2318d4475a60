# SPDX-License-Identifier: BSD-3-Clause
import subprocess
import tempfile
import unittest
from pathlib import Path

from bellwire.core.places import HarnessError
from bellwire.labs import extras
from bellwire.labs.extras import OutFolder


class OutFolderTest(unittest.TestCase):
    def setUp(self) -> None:
        self.place = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.out = OutFolder(self.place / "results", self.place)
        self.extra = self.out.extra()
        self.image = self.place / "out.ext4"

    def debugfs(self, *requests: str) -> None:
        for request in requests:
            subprocess.run(["/usr/sbin/debugfs", "-w", "-R", request, self.image], check=True,
                           capture_output=True)

    def test_what_is_there_comes_back_and_the_image_goes(self) -> None:
        self.debugfs("mkdir inner", f"write {__file__} inner/file", "symlink link inner")
        self.out.fetch()
        self.assertTrue(self.out.came_back)
        self.assertEqual((self.place / "results/link/file").read_text(), Path(__file__).read_text())
        self.assertEqual(sorted(path.name for path in self.place.iterdir()), ["results"])

    def test_a_name_that_leads_elsewhere_is_replaced_and_not_followed(self) -> None:
        (self.place / "elsewhere").write_text("kept")
        (self.place / "results").mkdir()
        (self.place / "results/file").symlink_to(self.place / "elsewhere")
        (self.place / "results/other").write_text("kept")
        self.debugfs(f"write {__file__} file")
        self.out.fetch()
        self.assertEqual((self.place / "elsewhere").read_text(), "kept")
        self.assertEqual((self.place / "results/other").read_text(), "kept")
        self.assertEqual((self.place / "results/file").read_text(), Path(__file__).read_text())

    def test_a_ruined_image_is_reported_and_kept(self) -> None:
        with self.image.open("r+b") as image:
            image.write(bytes(1 << 20))
            image.truncate(1 << 20)
        self.out.fetch()
        self.assertFalse(self.out.came_back)
        self.assertTrue(self.image.exists())


class DiskTest(unittest.TestCase):
    def test_its_name_says_its_format(self) -> None:
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        for name, kind in (("disk", "raw"), ("disk.img", "raw"), ("disk.qcow2", "qcow2")):
            with self.subTest(name):
                (folder / name).write_bytes(b"QFI\xfb" + bytes(508))
                self.assertIn(f'"driver": "{kind}"',
                              extras.disk(folder / name, 0).plug(0).arguments()[1])

    def test_one_that_is_not_there_is_named_with_the_remedy(self) -> None:
        with self.assertRaisesRegex(HarnessError, "--disk /no/disk: .*truncate -s"):
            extras.disk(Path("/no/disk"), 0)
