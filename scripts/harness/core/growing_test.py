# SPDX-License-Identifier: BSD-3-Clause
import os
import tempfile
import unittest
from pathlib import Path

from bellwire.core.growing import CUT, MEBIBYTE, Growing, LineReader
from bellwire.core.places import HarnessError


class LinesTest(unittest.TestCase):
    def test_letters_that_come_in_pieces(self) -> None:
        letters = LineReader()
        self.assertEqual("".join(letters.text(bytes([byte])) for byte in "50 µs ──▶".encode()),
                         "50 µs ──▶")

    def test_lines_that_come_in_pieces(self) -> None:
        lines = LineReader()
        found = [lines.lines(bytes([byte])) for byte in "a µ\n\nb\n rest".encode()]
        self.assertEqual([line for some in found for line in some], ["a µ", "", "b"])

    def test_what_is_no_text(self) -> None:
        self.assertEqual(LineReader().lines(b"\xff\xc2\n"), ["\ufffd\ufffd"])


class GrowingTest(unittest.TestCase):
    def setUp(self) -> None:
        self.path = Path(self.enterContext(tempfile.TemporaryDirectory())) / "stdout"

    def add(self, data: bytes) -> None:
        with self.path.open("ab") as file:
            file.write(data)

    def test_what_came_since(self) -> None:
        file = Growing(self.path)
        self.assertEqual((file.read(), file.backlog()), (b"", 0))
        self.add(b"one")
        self.assertEqual((file.backlog(), file.read(), file.backlog()), (3, b"one", 0))
        self.add(b"two")
        self.assertEqual((file.read(), file.read()), (b"two", b""))

    def test_one_past_its_limit(self) -> None:
        file = Growing(self.path, limit=MEBIBYTE)
        self.add(bytes(MEBIBYTE))
        file.check()
        self.add(b"x")
        with self.assertRaisesRegex(HarnessError, "stdout' has more than 1 MiB"):
            file.check()

    def test_what_was_read_is_given_back(self) -> None:
        file = Growing(self.path, limit=4 * MEBIBYTE, kept=MEBIBYTE)
        read = b""
        for number in range(16):
            self.add(os.urandom(MEBIBYTE))
            read += file.read()
            file.give_back()
            file.check()
            self.assertLess(self.path.stat().st_blocks * 512, 4 * MEBIBYTE)
        self.assertEqual(len(read), 16 * MEBIBYTE)
        file.finish()
        self.assertEqual(self.path.read_bytes(), read[:MEBIBYTE] + CUT)

    def test_a_short_one_is_kept_whole(self) -> None:
        file = Growing(self.path, kept=MEBIBYTE)
        self.add(b"short")
        file.read()
        file.give_back()
        file.finish()
        self.assertEqual(self.path.read_bytes(), b"short")
