# SPDX-License-Identifier: BSD-3-Clause
"""The guest's modules as packagers build them: read-only sources, not root, in another folder."""

import os
import pwd
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from bellwire.core.places import ROOT
from bellwire.image import kernel
from bellwire.image.guest_image import MODULES

USER = "nobody"


class Packagers(unittest.TestCase):
    headers: Path  # a copy of the kernel's headers that every user can read

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        folder = Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="b")))
        folder.chmod(0o755)
        found = kernel.get(kernel.DEFAULT)
        subprocess.run(["cp", "-a", found.root / "usr", folder], check=True)
        cls.headers = folder / found.headers.relative_to(found.root)

    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="b")))
        self.folder.chmod(0o755)
        self.sources = self.folder / "sources"
        shutil.copytree(ROOT / "guest-kmod", self.sources)
        subprocess.run(["chmod", "-R", "a-w,a+rX", self.sources], check=True)
        self.addCleanup(lambda: subprocess.run(["chmod", "-R", "u+w", self.sources], check=True))

    def make(self, *words: str) -> subprocess.CompletedProcess[str]:
        as_user = ["setpriv", f"--reuid={USER}", "--regid=nogroup", "--clear-groups"] \
            if os.getuid() == 0 else []
        return subprocess.run(
            [*as_user, "make", "-C", self.sources, "CONFIG_DEBUG_INFO_BTF_MODULES=", *words],
            capture_output=True, text=True, stdin=subprocess.DEVNULL)

    def keep_only(self, folder: str, module: str) -> None:
        """Of the modules; as one would who packages only that one."""
        for name, old, new in (("Kbuild", "obj-m := .*", f"obj-m := {folder}/"),
                               ("Makefile", "built := .*", f"built := {folder}/{module}")):
            file = self.sources / name
            text, found = re.subn(f"(?m)^{old}$", new, file.read_text())
            self.assertEqual(found, 1, name)
            file.chmod(0o644)
            file.write_text(text)
            file.chmod(0o444)

    def writable(self, name: str) -> Path:
        folder = self.folder / name
        folder.mkdir()
        if os.getuid() == 0:
            os.chown(folder, pwd.getpwnam(USER).pw_uid, -1)
        return folder

    def test_a_build_and_one_after_a_change(self) -> None:
        out = self.writable("out")
        words = (f"KDIR={self.headers}", f"OUT={out}")
        self.assertEqual((made := self.make(*words)).returncode, 0, made.stderr)
        self.assertEqual([name for name in MODULES if not (out / name).exists()], [])
        os.utime(self.sources / "module/main.c")
        self.assertEqual((made := self.make(*words)).returncode, 0, made.stderr)
        self.assertIn("module/main.o", made.stdout)
        self.assertNotIn("module/queue.o", made.stdout)
        self.assertEqual((made := self.make(*words, "clean")).returncode, 0, made.stderr)
        self.assertEqual(list(out.rglob("*.ko")), [])

    def test_a_folder_that_kbuild_takes_not(self) -> None:
        self.keep_only("bare", "bare_wire.ko")  # it takes a tenth of the time of all
        out = self.writable('a b, "c" $x: d')
        made = self.make(f"KDIR={self.headers}", f"OUT={out}".replace("$", "$$"))
        self.assertEqual(made.returncode, 0, made.stderr)
        self.assertEqual([str(path.relative_to(out)) for path in out.rglob("*.ko")],
                         ["bare/bare_wire.ko"])

    def test_what_it_can_not_do(self) -> None:
        for words, expected in (([f"KDIR={self.headers}"], "choose another folder by OUT="),
                                (["KDIR=/none", f"OUT={self.writable('x')}"], "name it by KDIR=")):
            with self.subTest(expected):
                made = self.make(*words)
                self.assertNotEqual(made.returncode, 0)
                self.assertIn(expected, made.stderr)
