# SPDX-License-Identifier: BSD-3-Clause
import subprocess
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from bellwire.core.places import HarnessError
from bellwire.suite import checkpatch, step
from bellwire.suite.step import Failed, Skipped

FINE = "// SPDX-License-Identifier: GPL-2.0-only\nint one(void)\n{\n\treturn 1;\n}\n"


class CheckpatchTest(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.enterContext(mock.patch.object(step, "LOGS", self.folder / "logs"))

    def program(self) -> Path:
        """The fetched one; what it finds clean goes to a cache of the test's."""
        try:
            program = checkpatch.get()
        except HarnessError as error:
            self.skipTest(str(error))
        self.enterContext(mock.patch.object(checkpatch, "cache", lambda: self.folder / "cache"))
        return program

    def test_it_refuses_what_the_kernel_does(self) -> None:
        program = self.program()
        source = self.folder / "one.c"
        source.write_text(FINE)
        self.assertEqual(checkpatch.check(program, [source]).outcome, "pass")
        source.write_text(FINE.replace("return 1;", "return(1);"))
        with self.assertRaisesRegex(Failed, "return is not a function"):
            checkpatch.check(program, [source])

    def test_only_what_changed_is_checked_again(self) -> None:
        program = self.program()
        sources = [self.folder / "one.c", self.folder / "two.c"]
        for source in sources:
            source.write_text(FINE)
        with mock.patch.object(checkpatch, "command") as run:
            for _ in range(2):
                self.assertEqual(checkpatch.check(program, sources).name, "checkpatch of 2 files")
            self.assertEqual(run.call_count, 1)
            sources[1].write_text(FINE + "\n")
            run.side_effect = Failed("a blank line")
            for _ in range(2):
                with self.assertRaisesRegex(Failed, "a blank line"):
                    checkpatch.check(program, sources)
        self.assertEqual(run.call_args.args[-1], sources[1])
        self.assertNotIn(sources[0], run.call_args.args)

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
