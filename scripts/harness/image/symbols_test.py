# SPDX-License-Identifier: BSD-3-Clause
import contextlib
import io
import os
import subprocess
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from bellwire.core.places import Missing
from bellwire.image import symbols
from bellwire.image.kernel import Kernel

RELEASE = "6.1.0-9-cloud-amd64"
PACKAGE = f"linux-image-{RELEASE}-dbg"
# An apt that has one package, or none.
APT_GET = """#!/bin/sh
[ -e {folder}/package.deb ] || {{ echo "E: Unable to locate package" >&2; exit 100; }}
for word; do :; done
cp {folder}/package.deb "$word.deb"
"""


class SymbolsTest(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        apt_get = self.folder / "apt-get"
        apt_get.write_text(APT_GET.format(folder=self.folder))
        apt_get.chmod(0o755)
        self.enterContext(mock.patch.dict(os.environ, PATH=f"{self.folder}:/usr/bin:/bin",
                                          XDG_CACHE_HOME=str(self.folder / "cache")))
        self.enterContext(contextlib.redirect_stderr(io.StringIO()))
        self.kernel = Kernel("6.1", RELEASE, self.folder / "kernel")

    def offer(self) -> None:
        tree = self.folder / "package"
        place = tree / f"usr/lib/debug/boot/vmlinux-{RELEASE}"
        place.parent.mkdir(parents=True)
        place.write_text("its names")
        (place.parent / "System.map").write_text("needless")
        (tree / "DEBIAN").mkdir()
        (tree / "DEBIAN/control").write_text(
            f"Package: {PACKAGE}\nVersion: 1\nArchitecture: all\nMaintainer: nobody <n@example.org>\n"
            "Description: symbols\n")
        subprocess.run(["dpkg-deb", "--build", tree, self.folder / "package.deb"], check=True,
                       stdout=subprocess.DEVNULL)

    def test_they_are_fetched_once(self) -> None:
        self.offer()
        for _ in range(2):
            found = symbols.vmlinux(self.kernel)
            self.assertEqual(found.read_text(), "its names")
            (self.folder / "package.deb").unlink(missing_ok=True)
        self.assertEqual(os.listdir(found.parent), ["vmlinux"])

    def test_nothing_is_left_of_what_failed(self) -> None:
        with self.assertRaisesRegex(Missing, f"can't fetch the symbols of kernel {RELEASE}"):
            symbols.vmlinux(self.kernel)
        self.assertEqual(list((self.folder / "cache/bellwire/symbols").glob("*.half")), [])

    def test_those_of_a_kernel_that_was_built_here(self) -> None:
        built = Kernel("own", "6.9.0-mine", self.folder / "own")
        with self.assertRaisesRegex(Missing, "no .*/vmlinux: keep the folder"):
            symbols.vmlinux(built)
        built.headers.mkdir(parents=True)
        (built.headers / "vmlinux").touch()
        self.assertEqual(symbols.vmlinux(built), built.headers / "vmlinux")
