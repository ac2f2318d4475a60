# SPDX-License-Identifier: BSD-3-Clause
import contextlib
import io
import os
import shutil
import tempfile
import threading
import unittest
from pathlib import Path
from unittest import mock

from bellwire.core.places import HarnessError
from bellwire.image import apt
from bellwire.vms import qemu, toolbox

# Stand-ins for apt-get, which notes what it is asked for, for dpkg, and for the loader that comes
# in a package.
APT = """#!/bin/sh
echo "$*" >>{folder}/asked
case $* in
*indextargets*) echo "bookworm-updates http://other/"; echo "bookworm http://mirror/debian/" ;;
*update*) cat {folder}/complaints >&2 ;;
*install*) [ -e {folder}/online ] || {{ echo "E: Unable to locate package qemu" >&2; exit 100; }}
    for word; do case $word in Dir::Cache::archives=*) : >"${{word#*=}}/qemu.deb" ;; esac; done ;;
esac
"""
DPKG = """#!/bin/sh
mkdir -p "$3/usr/lib64"
cp {folder}/loader "$3/usr/lib64/ld-linux-x86-64.so.2"
"""
QEMU = """#!/bin/sh
case $* in
*--version*) echo "QEMU emulator version {version} (Debian)" ;;
*vfio-user-pci,help*) echo "vfio-user-pci options:" ;;
esac
"""


class ToolboxTest(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.bin = self.folder / "bin"
        self.bin.mkdir()
        for name, text in (("apt-get", APT), ("dpkg", DPKG)):
            self.program(self.bin / name, text.format(folder=self.folder))
        self.program(self.folder / "loader", QEMU.format(version="11.1.3"))
        for name in ("online", "complaints", "asked", "keyring"):
            (self.folder / name).touch()
        (self.folder / "os-release").write_text('ID=debian\nVERSION_CODENAME=bookworm\n')
        self.enterContext(mock.patch.dict(os.environ, PATH=f"{self.bin}:/usr/bin:/bin"))
        for module, name, value in (
                (apt, "KEYRING", "keyring"), (apt, "_OS_RELEASE", "os-release"),
                (toolbox, "FOLDER", "build/qemu-toolbox")):
            self.enterContext(mock.patch.object(module, name, self.folder / value))
        self.said = self.enterContext(contextlib.redirect_stderr(io.StringIO()))
        qemu.version.cache_clear()

    def program(self, path: Path, text: str) -> str:
        path.write_text(text)
        path.chmod(0o755)
        return str(path)

    def own(self, version: str, device: str = "vfio-user-pci") -> str:
        text = QEMU.format(version=version).replace("vfio-user-pci", device)
        return self.program(self.bin / toolbox.PROGRAM, text)

    def asked(self, word: str) -> list[str]:
        return [line for line in (self.folder / "asked").read_text().splitlines() if word in line]

    def left(self) -> list[str]:
        return [path.name for path in (self.folder / "build").iterdir() if path.suffix != ".lock"]

    def test_it_is_fetched_once_and_runs(self) -> None:
        found = [toolbox.chosen("toolbox") for _ in range(2)]
        self.assertEqual(found, [str(self.folder / "build/qemu-toolbox/qemu-system-x86_64")] * 2)
        self.assertEqual(qemu.version(found[0]), "11.1.3 (Debian)")
        self.assertEqual((len(self.asked("install")), self.left()), (1, ["qemu-toolbox"]))

    def test_a_path_that_the_loader_takes_for_a_list(self) -> None:
        build = self.folder / "a:b;c"
        build.mkdir()
        refuses = """case "$2" in *[:';']*) exit 1 ;; esac\ncase"""
        loader = QEMU.format(version="11.1.3").replace("case", refuses, 1)
        self.program(self.folder / "loader", loader)
        with mock.patch.object(toolbox, "FOLDER", build / "qemu-toolbox"):
            found = toolbox.get()
            self.assertTrue(toolbox.is_own(found))
        self.assertEqual(qemu.version(str(found)), "11.1.3 (Debian)")
        self.addCleanup(found.parents[1].unlink)

    def test_it_comes_from_the_machines_mirror(self) -> None:
        sources = toolbox.FOLDER.with_suffix(".half") / "sources.list"
        apt.other_debian(sources.parent, ["trixie", "trixie-backports"])
        self.assertEqual(sources.read_text(), "".join(
            f"deb [signed-by={apt.KEYRING}] http://mirror/debian/ {suite} main\n"
            for suite in ("trixie", "trixie-backports")))

    def test_many_at_once_fetch_it_once(self) -> None:
        threads = [threading.Thread(target=toolbox.get) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual((len(self.asked("install")), self.left()), (1, ["qemu-toolbox"]))

    def test_a_failure_leaves_nothing_and_the_next_may_do_better(self) -> None:
        (self.folder / "online").unlink()
        with self.assertRaisesRegex(HarnessError, "'E: Unable to locate.*needs the network"):
            toolbox.get()
        self.assertEqual(self.left(), [])
        (self.folder / "online").touch()
        self.assertTrue(toolbox.get().exists())

    def test_a_key_that_is_not_there_is_named(self) -> None:
        (self.folder / "online").unlink()
        (self.folder / "complaints").write_text("W: GPG error: http://mirror: NO_PUBKEY 01AB\n")
        with self.assertRaisesRegex(HarnessError, "NO_PUBKEY 01AB.*upgrade debian-archive-keyring"):
            toolbox.get()
        apt.KEYRING.unlink()
        with self.assertRaisesRegex(HarnessError, "install debian-archive-keyring"):
            toolbox.get()

    def test_sources_without_this_debian(self) -> None:
        (self.folder / "os-release").write_text("VERSION_CODENAME=sid\n")
        with self.assertRaisesRegex(HarnessError, "none of apt's sources has the suite 'sid'"):
            toolbox.get()

    def test_one_that_does_not_run_is_not_kept(self) -> None:
        self.program(self.folder / "loader", "#!/bin/sh\nexit 1\n")
        with self.assertRaisesRegex(HarnessError, "doesn't run"):
            toolbox.get()
        self.assertEqual(self.left(), [])

    def test_the_machines_own_is_taken_where_it_does(self) -> None:
        for version, device, taken in (("10.1.0", "vfio-user-pci", True),
                                       ("12.0", "vfio-user-pci", True),
                                       ("10.0.9", "vfio-user-pci", False),
                                       ("7.2.22", "vfio-user-pci", False),
                                       ("10.1.0", "edu", False)):
            with self.subTest(version=version, device=device):
                own = self.own(version, device)
                qemu.version.cache_clear()
                found = toolbox.find((10, 1), "vfio-user-pci")
                self.assertEqual(found == own, taken)

    def test_without_any_the_toolbox_is_taken(self) -> None:
        with mock.patch.object(shutil, "which", return_value=None):
            self.assertEqual(toolbox.find((7, 2)), str(toolbox.FOLDER / toolbox.PROGRAM))

    def test_a_program_that_is_named_and_lacks_what_the_transport_needs(self) -> None:
        own = self.own("10.1.0")
        self.assertEqual(toolbox.chosen(own, "vfio-user,page=1", True), own)
        self.assertEqual(toolbox.chosen(own, "vhost-user"), own)
        with self.assertRaisesRegex(HarnessError, rf"--qemu {own}: it has no vhost-user-test-device-pci, "
                                    r"which --transport vhost-user,packed=1 needs here: .* 10\.2"):
            toolbox.chosen(own, "vhost-user,packed=1", True)

    def test_a_program_that_is_not_there(self) -> None:
        with self.assertRaisesRegex(HarnessError, "no QEMU '/no/qemu'"):
            toolbox.chosen("/no/qemu")
