# SPDX-License-Identifier: BSD-3-Clause
import struct
import tempfile
import unittest
from pathlib import Path

from bellwire.vms import gdb


class GdbTest(unittest.TestCase):
    def setUp(self) -> None:
        self.place = Path(self.enterContext(tempfile.TemporaryDirectory()))

    def program(self, kind: int, name: str = "program") -> Path:
        path = self.place / name
        path.write_bytes(struct.pack("<4s12xHxx", b"\x7fELF", kind))
        return path

    def line(self, program: Path) -> str:
        """That about the program."""
        before, after = (gdb.script(1234, Path("/vmlinux"), [], path).splitlines()
                         for path in (None, program))
        (line,) = set(after) - set(before)
        return line

    def test_a_program_at_fixed_addresses(self) -> None:
        path = self.program(kind=2)
        self.assertEqual(self.line(path), f"add-symbol-file {path}")

    def test_a_program_that_runs_anywhere(self) -> None:
        path = self.program(kind=3)
        self.assertEqual(self.line(path), f"add-symbol-file {path} -o 0x555555554000")

    def test_what_is_not_compiled(self) -> None:
        for content in (b"#!/bin/sh\necho hello, this is a script\n", b""):
            path = self.place / "script"
            path.write_bytes(content)
            self.assertEqual(self.line(path), f"# no symbols in {path}")

    def test_a_path_that_gdb_would_split(self) -> None:
        path = self.program(2, "my program")
        self.assertNotIn(" ", self.line(path).removeprefix("add-symbol-file "))

    def test_modules_need_the_kernels_symbols(self) -> None:
        modules = [Path("/a/one.ko"), Path("/b/two.ko")]
        self.assertIn("bellwire-modules /a/one.ko /b/two.ko\n",
                      gdb.script(1234, Path("/vmlinux"), modules, None))
        without = gdb.script(1234, None, modules, None)
        self.assertNotIn("one.ko", without)
        self.assertIn("target remote 127.0.0.1:1234\n", without)
