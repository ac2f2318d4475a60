# SPDX-License-Identifier: BSD-3-Clause
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

from bellwire.core.places import HarnessError
from bellwire.image import programs
from bellwire.image.guest_image import BUSYBOX

PYTHON = Path("/usr/bin/python3")


class ProgramsTest(unittest.TestCase):
    def test_its_libraries_and_its_loader(self) -> None:
        files = programs.with_libraries(PYTHON)
        names = [path.name for path in files]
        self.assertEqual(files[0], PYTHON)
        self.assertIn("libc.so.6", names)
        self.assertTrue(any(name.startswith("ld-linux") for name in names), names)
        self.assertTrue(all(path.exists() for path in files), files)

    def test_they_are_all_that_it_needs(self) -> None:
        files = programs.with_libraries(PYTHON)
        loader = next(path for path in files if path.name.startswith("ld-linux"))
        said = subprocess.run(
            [loader, "--inhibit-cache", "--library-path", programs.loader_path(files), PYTHON,
             "-c", "print(6 * 7)"], capture_output=True, text=True)
        self.assertEqual(said.stdout, "42\n", said.stderr)

    def test_a_static_one_needs_nothing(self) -> None:
        self.assertEqual(programs.with_libraries(BUSYBOX), [BUSYBOX])

    def test_scripts_and_what_is_not_there_are_refused(self) -> None:
        with tempfile.NamedTemporaryFile("w") as script:
            script.write("#!/bin/sh\n")
            script.flush()
            os.chmod(script.name, 0o755)
            with self.assertRaisesRegex(HarnessError, "not an ELF program"):
                programs.with_libraries(Path(script.name))
        with self.assertRaisesRegex(HarnessError, "no program 'nonesuch'"):
            programs.find("nonesuch")
