# SPDX-License-Identifier: BSD-3-Clause
import subprocess
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from harness.core.places import HarnessError
from harness.suite import checkpatch, step
from harness.suite.step import Failed, Skipped

FINE = "// SPDX-License-Identifier: GPL-2.0-only\nint one(void)\n{\n\treturn 1;\n}\n"


class CheckpatchTest(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.enterContext(mock.patch.object(step, "LOGS", self.folder / "logs"))

    def test_it_refuses_what_the_kernel_does(self) -> None:
        try:
            program = checkpatch.get()
        except HarnessError as error:
            self.skipTest(str(error))
        source = self.folder / "one.c"
        source.write_text(FINE)
        self.assertEqual(checkpatch.check(program, [source]).outcome, "pass")
        source.write_text(FINE.replace("return 1;", "return(1);"))
        with self.assertRaisesRegex(Failed, "return is not a function"):
            checkpatch.check(program, [source])

    def test_without_the_network_it_is_skipped_with_the_reason(self) -> None:
        with mock.patch.object(checkpatch, "get", side_effect=HarnessError("no network")), \
                self.assertRaisesRegex(Skipped, "no network"):
            checkpatch.checkpatch()

    def test_only_its_files_are_kept(self) -> None:
        tree = self.folder / checkpatch.SOURCES / "scripts"
        tree.mkdir(parents=True)
        for name in (*checkpatch.FILES, "another"):
            (tree / name).write_text(name)
        archive = self.folder / "sources.tar.xz"
        subprocess.run(["tar", "-cJf", archive, "-C", self.folder, checkpatch.SOURCES], check=True)
        kept = self.folder / "kept"
        kept.mkdir()
        checkpatch._extract(archive, kept)
        self.assertEqual({path.name for path in kept.iterdir()}, set(checkpatch.FILES))
