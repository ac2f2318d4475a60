# SPDX-License-Identifier: BSD-3-Clause
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

from bellwire.image.cpio import Archive
from bellwire.image.guest_image import BUSYBOX


def unpacked(data: bytes, folder: Path) -> None:
    subprocess.run([BUSYBOX, "cpio", "-id"], input=data, cwd=folder, check=True,
                   capture_output=True)


class ArchiveTest(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))

    def test_another_cpio_reads_it(self) -> None:
        archive = Archive()
        archive.folder("bin")
        archive.file("bin/tool", b"#!\n", 0o755)
        archive.link("tool", "bin/tool")
        unpacked(archive.data(), self.folder)
        self.assertEqual((self.folder / "tool").read_bytes(), b"#!\n")
        self.assertTrue(os.access(self.folder / "bin/tool", os.X_OK))

    def test_copies_stand_at_their_own_paths(self) -> None:
        source = self.folder / "a/b"
        source.mkdir(parents=True)
        (source / "tool").write_bytes(b"x")
        archive = Archive()
        archive.copy(source / "tool")
        archive.folders(source / "c")
        archive.pipe(f"{source}/pipe".strip("/"))
        target = self.folder / "target"
        target.mkdir()
        unpacked(archive.data(), target)
        copy = target / str(source).strip("/")
        self.assertEqual((copy / "tool").read_bytes(), b"x")
        self.assertTrue((copy / "c").is_dir())
        self.assertTrue((copy / "pipe").is_fifo())

    def test_every_length_is_padded(self) -> None:
        for length in range(9):
            archive = Archive()
            archive.file("n" * (length + 1), b"d" * length)
            self.assertEqual(len(archive.data()) % 4, 0)

    def test_tree_keeps_links_modes_and_odd_names(self) -> None:
        source = self.folder / "source"
        (source / "in ner").mkdir(parents=True)
        (source / "in ner/ä b").write_bytes(b"x")
        (source / "in ner/ä b").chmod(0o700)
        (source / "link").symlink_to("in ner/ä b")
        os.mkfifo(source / "pipe")
        archive = Archive()
        archive.tree("share", source)
        target = self.folder / "target"
        target.mkdir()
        unpacked(archive.data(), target)
        self.assertEqual((target / "share/link").read_bytes(), b"x")
        self.assertEqual((target / "share/in ner/ä b").stat().st_mode & 0o777, 0o700)
        self.assertFalse((target / "share/pipe").exists())

    def test_same_content_same_bytes(self) -> None:
        one, other = Archive(), Archive()
        one.file("a", b"1")
        other.file("a", b"1")
        self.assertEqual(one.data(), other.data())
