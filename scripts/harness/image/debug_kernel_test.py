# SPDX-License-Identifier: BSD-3-Clause
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from bellwire.core.places import HarnessError
from bellwire.image import debug_kernel

CONFIG = """#!/bin/sh
# Turns options on, but for those of the file `refused`.
while [ $# -gt 1 ]; do
    [ $1 != -e ] || grep -qx "$2" refused || echo "CONFIG_$2=y" >>.config
    shift
done
"""


class DebugKernelTest(unittest.TestCase):
    def setUp(self) -> None:
        self.root = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.tree = self.root / debug_kernel.SOURCE
        (self.tree / "scripts").mkdir(parents=True)
        (self.tree / "Makefile").write_text("tinyconfig olddefconfig:\n\t@:\n")
        config = self.tree / "scripts/config"
        config.write_text(CONFIG)
        config.chmod(0o755)

    def test_it_has_every_check(self) -> None:
        (self.tree / "refused").write_text("DRM\n")
        debug_kernel.configure(self.tree)
        self.assertIn("CONFIG_KASAN=y", (self.tree / ".config").read_text().splitlines())

    def test_a_check_that_it_can_not_have_is_named(self) -> None:
        (self.tree / "refused").write_text("KASAN\nPROVE_LOCKING\n")
        with self.assertRaisesRegex(HarnessError, "can't have KASAN, PROVE_LOCKING: "):
            debug_kernel.configure(self.tree)

    def test_it_is_laid_out_as_packages_are(self) -> None:
        for name, text in (("include/config/kernel.release", "6.1.9\n"), ("modules.builtin", ""),
                           ("arch/x86/boot/bzImage", "kernel"), ("init/main.o", ""),
                           ("scripts/mod/modpost", ""), ("scripts/mod/modpost.o", "")):
            (self.tree / name).parent.mkdir(parents=True, exist_ok=True)
            (self.tree / name).write_text(text)
        for name in debug_kernel.NEEDLESS.split():
            (self.tree / name).mkdir()
        debug_kernel.install(self.tree, self.root)
        left = {str(path.relative_to(self.root)) for path in self.root.rglob("*") if path.is_file()}
        headers = "usr/src/linux-headers-6.1.9"
        self.assertLessEqual({"boot/vmlinuz-6.1.9", "lib/modules/6.1.9/modules.builtin", "release",
                              f"{headers}/scripts/mod/modpost"}, left)
        self.assertFalse(any(path.endswith(".o") for path in left))
        self.assertEqual((self.root / "release").read_text(), "6.1.9\n")
        self.assertTrue(debug_kernel.is_current(self.root))
        with mock.patch.object(debug_kernel, "CONFIGURATION", "another"):
            self.assertFalse(debug_kernel.is_current(self.root))
