# SPDX-License-Identifier: BSD-3-Clause
import errno
import os
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from bellwire.core.places import HarnessError
from bellwire.labs import virtio


class ChoiceTest(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.disk = self.folder / "disk"
        self.disk.write_bytes(bytes(1024))

    def options(self, word: str, queues: int = 1) -> list[str]:
        return virtio.choose(word).options(queues)

    def refused(self, transport: str, *words: str) -> str:
        with self.assertRaises(HarnessError) as caught:
            virtio.check(transport, words)
        self.assertNotIn("\n", str(caught.exception))
        return str(caught.exception)

    def test_a_disk_is_a_file_or_so_much_memory(self) -> None:
        self.assertEqual(self.options("blk=64M", 2), ["--size", str(64 << 20), "--queues=2"])
        self.assertEqual(self.options("blk=1g")[1], str(1 << 30))
        self.assertEqual(self.options("blk=512")[1], "512")
        self.assertEqual(self.options(f"blk={self.disk}")[:2], ["--file", str(self.disk)])
        self.assertEqual(self.options(f"blk={self.disk},read-only")[2], "--read-only")
        self.assertEqual((self.options("rng", 4), self.options("echo", 4)), ([], []))

    def test_a_whole_pci_device_is_only_on_vfio_user(self) -> None:
        virtio.check("vfio-user,page=1", ["edu", "echo"])
        for transport in ("ivshmem", "vhost-user"):
            self.assertIn("edu: a whole PCI device needs --transport vfio-user",
                          self.refused(transport, "edu"))
        self.assertIn("edu takes no value", self.refused("vfio-user", "edu=3"))

    def test_a_file_is_found_from_any_folder(self) -> None:
        here = os.getcwd()
        self.addCleanup(os.chdir, here)
        os.chdir(self.folder)
        self.assertEqual(self.options("blk=disk")[1], str(self.disk))

    def test_what_can_not_be_a_disk_is_named_with_the_remedy(self) -> None:
        (self.folder / "odd").write_bytes(bytes(1000))
        (self.folder / "empty").touch()
        for value, *expected in (
                ("", "blk=FILE", "blk=64M"),
                ("1000", "blk=1000", "not a multiple of 512", "64M"),
                ("0", "blk=0", "64M"),
                ("16777216T", "blk=16777216T", "at most"),
                ("9" * 5000 + "T", "blk=999", "at most"),
                ("٣M", "No such file"),
                ("64X", "blk=64X", "No such file", "truncate", "blk=64M"),
                (f"{self.folder}/none", "none: No such file", "truncate -s 64M"),
                (str(self.folder), "neither a file nor a block device"),
                ("/dev/null", "neither a file nor a block device"),
                (f"{self.folder}/odd", "1000 bytes", "truncate -s %512"),
                (f"{self.folder}/empty", "0 bytes", "truncate -s 64M")):
            with self.subTest(value):
                said = self.refused("vhost-user", f"blk={value}")
                for words in expected:
                    self.assertIn(words, said)

    def test_a_file_that_can_not_be_written(self) -> None:
        denied = PermissionError(errno.EACCES, "Permission denied")  # which root never sees
        with mock.patch.object(virtio, "open", create=True, side_effect=denied):
            said = self.refused("vfio-user", f"blk={self.disk}")
        self.assertIn(f"blk={self.disk} can't be opened for writing: Permission denied", said)
        self.assertIn(f"blk={self.disk},read-only", said)

    def test_one_file_has_one_disk_that_writes(self) -> None:
        link = self.folder / "link"
        link.symlink_to(self.disk)
        hard = self.folder / "hard"
        hard.hardlink_to(self.disk)
        for other in (self.disk, f"{self.disk},read-only", link, hard, f"{hard},read-only"):
            self.assertIn(f"blk={self.disk} is given twice",
                          self.refused("vhost-user", f"blk={self.disk}", f"blk={other}"))
        virtio.check("vhost-user", [f"blk={self.disk},read-only"] * 2)
        virtio.check("vhost-user", ["blk=64M", "blk=64M", "rng", "rng"])

    def test_a_switch_has_one_tap(self) -> None:
        virtio.check("vhost-user", ["net=tap0", "net", "net=tap0"])
        self.assertIn("net=tap0, --device net=tap1",
                      self.refused("vhost-user", "net=tap0", "net=tap1"))
        for name in ("--mtu", "a name", "../x", "a" * 16):
            self.assertIn(f"net={name}: that is no interface's name",
                          self.refused("vfio-user", f"net={name}"))

    def test_what_a_transport_does_not_have(self) -> None:
        self.assertIn("--transport vhost-user or vfio-user", self.refused("ivshmem", "blk=64M"))
        self.assertIn("takes no value", self.refused("vhost-user", "rng=1"))
        self.assertIn("takes no value", self.refused("ivshmem", "echo=1"))
        virtio.check("vfio-user,page=1", ["echo", "blk=64M", "rng"])
        virtio.check("ivshmem", ["echo", "one of yours"])
        virtio.check("vhost-user,packed=1", ["echo", "rng"])
        self.assertEqual([virtio.rings(words) for words in (["rng", "echo"], ["rng", "edu"])],
                         [True, False])
