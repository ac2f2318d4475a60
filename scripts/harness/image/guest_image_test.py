# SPDX-License-Identifier: BSD-3-Clause
import os
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from bellwire.image import guest_image


class MirrorTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.sources, self.copies = folder / "sources", folder / "copies"
        self.enterContext(mock.patch.object(guest_image, "MODULE_SOURCES", self.sources))
        self.sources.mkdir()
        self.source("main.c", "one", 1_000)
        self.source("queue.c", "two", 1_000)
        self.mirror()
        for copy in self.copies.iterdir():
            os.utime(copy, (2_000, 2_000))

    def source(self, name: str, text: str, time: int) -> None:
        (self.sources / name).write_text(text)
        os.utime(self.sources / name, (time, time))

    def mirror(self) -> dict[str, tuple[str, bool]]:
        """The copies: what they hold, and whether make takes them for changed."""
        guest_image._mirror(sorted(self.sources.iterdir()), self.copies)
        return {copy.name: (copy.read_text(), copy.stat().st_mtime > 2_000)
                for copy in self.copies.iterdir()}

    def test_a_source_that_changed_is_newer_whatever_its_own_time(self) -> None:
        self.source("main.c", "uno", 500)
        self.assertEqual(self.mirror(), {"main.c": ("uno", True), "queue.c": ("two", False)})

    def test_a_source_that_was_only_touched_is_not_built_again(self) -> None:
        self.source("main.c", "one", 3_000)
        self.assertEqual(self.mirror(), {"main.c": ("one", False), "queue.c": ("two", False)})

    def test_a_source_that_is_gone_has_no_copy(self) -> None:
        (self.sources / "queue.c").unlink()
        (self.copies / "main.mod.c").touch()  # kbuild's own
        self.assertEqual(set(self.mirror()), {"main.c", "main.mod.c"})
