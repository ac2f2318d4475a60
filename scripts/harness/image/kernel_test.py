# SPDX-License-Identifier: BSD-3-Clause
import contextlib
import io
import os
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from bellwire.core.places import HarnessError
from bellwire.image import kernel

# An apt whose lists are out of date until it has updated lists of its own.
APT_CACHE = """#!/bin/sh
case $* in
*Dir::State::lists=*) [ -e {folder}/updated ] || exit 100 ;;
*) echo "E: No packages found" >&2; exit 100 ;;
esac
for word; do :; done
case $word in
linux-image-amd64) echo "  Depends: linux-image-6.1.0-9-amd64" ;;
linux-headers-6.1.0-9-amd64) echo "  Depends: linux-headers-6.1.0-9-common"
    echo "  Depends: linux-kbuild-6.1"; echo "  Depends: gcc-12" ;;
esac
"""
APT_GET = """#!/bin/sh
case $* in
*update*) [ ! -e {folder}/online ] && echo "W: Failed to fetch a list" >&2 || : >{folder}/updated ;;
*) for word; do case $word in linux-*) : >"$word.deb" ;; esac; done ;;
esac
"""
DPKG = """#!/bin/sh
echo "${{2##*/}}" >>{folder}/unpacked
mkdir -p "$3/usr/src/linux-headers-6.1.0-9-amd64"
echo "include /usr/src/linux-headers-6.1.0-9-common/Makefile" \\
    >"$3/usr/src/linux-headers-6.1.0-9-amd64/Makefile"
"""


class KernelTest(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        for name, text in (("apt-cache", APT_CACHE), ("apt-get", APT_GET), ("dpkg", DPKG)):
            path = self.folder / name
            path.write_text(text.format(folder=self.folder))
            path.chmod(0o755)
        self.enterContext(mock.patch.dict(os.environ, PATH=f"{self.folder}:/usr/bin:/bin",
                                          XDG_CACHE_HOME=str(self.folder / "cache")))
        self.enterContext(contextlib.redirect_stderr(io.StringIO()))

    def left(self) -> list[str]:
        return os.listdir(self.folder / "cache/bellwire/kernels")

    def test_it_is_fetched_with_what_modules_are_built_against(self) -> None:
        (self.folder / "online").touch()
        for _ in range(2):
            self.assertEqual(kernel.get("6.1-generic").release, "6.1.0-9-amd64")
        self.assertEqual(sorted((self.folder / "unpacked").read_text().split()), [
            "linux-headers-6.1.0-9-amd64.deb", "linux-headers-6.1.0-9-common.deb",
            "linux-image-6.1.0-9-amd64.deb", "linux-kbuild-6.1.deb"])

    def test_its_headers_find_their_other_half_beside_them(self) -> None:
        (self.folder / "online").touch()
        makefile = kernel.get("6.1-generic").headers / "Makefile"
        self.assertEqual(makefile.read_text(), "include ../linux-headers-6.1.0-9-common/Makefile\n")

    def test_a_link_to_the_headers_is_mended(self) -> None:
        (self.folder / "online").touch()
        base = kernel.get("6.1-generic")
        link = base.modules.with_name("build")
        link.parent.mkdir(parents=True)
        link.symlink_to(f"/usr/src/{base.headers.name}")
        kernel.mend_build_link(base)
        self.assertTrue((link / "Makefile").exists())
        kernel.mend_build_link(base)
        self.assertTrue((link / "Makefile").exists())

    def test_a_failure_names_its_cause_and_leaves_nothing(self) -> None:
        with self.assertRaisesRegex(HarnessError, "6.1-generic: apt says 'W: Failed to fetch"):
            kernel.get("6.1-generic")
        self.assertEqual(self.left(), ["6.1-generic.lock"])

    def test_an_unknown_one(self) -> None:
        with self.assertRaisesRegex(HarnessError, "unknown kernel '2.4'"):
            kernel.get("2.4")
