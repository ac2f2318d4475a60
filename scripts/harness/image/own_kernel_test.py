# SPDX-License-Identifier: BSD-3-Clause
import tempfile
import unittest
from pathlib import Path

from bellwire.core.places import HarnessError
from bellwire.image import own_kernel

RELEASE = "6.12.0-mine"


class OwnKernelTest(unittest.TestCase):
    def setUp(self) -> None:
        self.place = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.file = self.place / "bzImage"
        head = bytearray(0x400)
        head[0x202:0x206], head[0x20E:0x210] = b"HdrS", (0x100).to_bytes(2, "little")
        self.file.write_bytes(bytes(head[:0x300]) + f"{RELEASE} (me@here) #1\0".encode())
        self.folder = self.place / "lib/modules" / RELEASE
        (self.folder / "build").mkdir(parents=True)
        for name in ("modules.builtin", "build/.config", "build/Module.symvers"):
            (self.folder / name).touch()

    def test_it_is_found(self) -> None:
        found = own_kernel.find(self.file, self.folder)
        self.assertEqual((found.release, found.image, found.modules, found.headers),
                         (RELEASE, self.file, self.folder / "kernel", self.folder / "build"))

    def test_what_is_wrong_is_named(self) -> None:
        def refuses(why: str) -> None:
            with self.assertRaisesRegex(HarnessError, why):
                own_kernel.find(self.file, self.folder)

        (self.folder / "build/Module.symvers").unlink()
        refuses("its link `build` leads to no Module.symvers")
        self.folder = self.folder.rename(self.folder.with_name("6.12.0-other"))
        refuses(f"another kernel than .*, which is {RELEASE}")
        (self.folder / "modules.builtin").unlink()
        refuses("no modules.builtin there")
        self.file.write_bytes(b"\x7fELF")
        refuses("this is no bzImage")
        self.file.unlink()
        refuses("No such file or directory")
