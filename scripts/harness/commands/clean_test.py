# SPDX-License-Identifier: BSD-3-Clause
import fcntl
import os
import tempfile
import unittest
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from unittest import mock

from bellwire.commands import clean
from bellwire.core.places import HarnessError


class CleanTest(unittest.TestCase):
    def setUp(self) -> None:
        place = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.build, self.cache, self.other = (place / name for name in ("build", "c/bellwire", "o"))
        for folder in (self.build / "release", self.cache, self.other):
            folder.mkdir(parents=True)
            (folder / "file").write_bytes(bytes(2 << 20))
        (self.build / "release.lock").touch()
        (self.build / "elsewhere").symlink_to(self.other)
        self.enterContext(mock.patch.object(clean, "BUILD", self.build))
        self.enterContext(mock.patch.dict(os.environ, XDG_CACHE_HOME=str(place / "c")))

    def clean(self, *argv: str) -> str:
        with redirect_stdout(StringIO()) as said:
            self.assertEqual(clean.main(argv), 0)
        return said.getvalue()

    def test_what_the_scripts_made_goes_and_nothing_else(self) -> None:
        self.assertRegex(self.clean(), rf"\A +2 MiB  {self.build}\n\Z")
        self.assertEqual(list(self.build.iterdir()), [])
        self.assertTrue((self.cache / "file").exists())
        self.assertTrue((self.other / "file").exists())

    def test_the_cache_goes_when_asked_for(self) -> None:
        self.assertIn(f" 2 MiB  {self.cache}\n", self.clean("--cache"))
        self.assertEqual(list(self.cache.iterdir()), [])

    def test_nothing_goes_while_a_build_runs(self) -> None:
        with (self.build / "release.lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with self.assertRaisesRegex(HarnessError, "a build runs in .*release.lock is held"):
                self.clean("--cache")
        self.assertTrue((self.cache / "file").exists())
        self.assertTrue((self.build / "release/file").exists())

    def test_nothing_there_is_no_error(self) -> None:
        self.clean("--cache")
        self.assertRegex(self.clean(), r"\A +0 MiB  ")
