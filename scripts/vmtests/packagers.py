# SPDX-License-Identifier: BSD-3-Clause
"""The guest's modules as packagers build them: read-only sources, not root, in another folder."""

import os
import pwd
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bellwire.core.places import ROOT
from bellwire.image import kernel
from bellwire.image.guest_image import MODULES
from bellwire.plugin import Subtests

USER = "nobody"


@pytest.fixture(scope="module")
def headers() -> Iterator[Path]:
    """A copy of the kernel's headers that every user can read."""
    with tempfile.TemporaryDirectory(prefix="bell") as folder:
        os.chmod(folder, 0o755)
        found = kernel.get(kernel.DEFAULT)
        subprocess.run(["cp", "-a", found.root / "usr", folder], check=True)
        yield Path(folder) / found.headers.relative_to(found.root)


@pytest.fixture
def sources(folder: Path) -> Iterator[Path]:
    """A copy of ours that nobody can write."""
    folder.chmod(0o755)
    sources = folder / "sources"
    shutil.copytree(ROOT / "guest-kmod", sources)
    subprocess.run(["chmod", "-R", "a-w,a+rX", sources], check=True)
    yield sources
    subprocess.run(["chmod", "-R", "u+w", sources], check=True)


def make(sources: Path, *words: str) -> subprocess.CompletedProcess[str]:
    as_user = ["setpriv", f"--reuid={USER}", "--regid=nogroup", "--clear-groups"] \
        if os.getuid() == 0 else []
    return subprocess.run(
        [*as_user, "make", "-C", sources, "CONFIG_DEBUG_INFO_BTF_MODULES=", *words],
        capture_output=True, text=True, stdin=subprocess.DEVNULL)


def keep_only(sources: Path, folder: str, module: str) -> None:
    """Of the modules; as one would who packages only that one."""
    for name, old, new in (("Kbuild", "obj-m := .*", f"obj-m := {folder}/"),
                           ("Makefile", "built := .*", f"built := {folder}/{module}")):
        file = sources / name
        text, found = re.subn(f"(?m)^{old}$", new, file.read_text())
        assert found == 1, name
        file.chmod(0o644)
        file.write_text(text)
        file.chmod(0o444)


def writable(path: Path) -> Path:
    path.mkdir()
    if os.getuid() == 0:
        os.chown(path, pwd.getpwnam(USER).pw_uid, -1)
    return path


def test_a_build_and_one_after_a_change(folder: Path, headers: Path, sources: Path) -> None:
    out = writable(folder / "out")
    words = (f"KDIR={headers}", f"OUT={out}")
    assert (made := make(sources, *words)).returncode == 0, made.stderr
    assert [name for name in MODULES if not (out / name).exists()] == []
    os.utime(sources / "module/main.c")
    assert (made := make(sources, *words)).returncode == 0, made.stderr
    assert "module/main.o" in made.stdout
    assert "module/queue.o" not in made.stdout
    assert (made := make(sources, *words, "clean")).returncode == 0, made.stderr
    assert list(out.rglob("*.ko")) == []


def test_a_folder_that_kbuild_takes_not(folder: Path, headers: Path, sources: Path) -> None:
    keep_only(sources, "bare", "bare_wire.ko")  # it takes a tenth of the time of all
    out = writable(folder / 'a b, "c" $x: d')
    made = make(sources, f"KDIR={headers}", f"OUT={out}".replace("$", "$$"))
    assert made.returncode == 0, made.stderr
    assert [str(path.relative_to(out)) for path in out.rglob("*.ko")] == ["bare/bare_wire.ko"]


def test_what_it_can_not_do(folder: Path, headers: Path, sources: Path, subtest: Subtests
                            ) -> None:
    for words, expected in (([f"KDIR={headers}"], "choose another folder by OUT="),
                            (["KDIR=/none", f"OUT={writable(folder / 'x')}"], "name it by KDIR=")):
        with subtest(expected):
            made = make(sources, *words)
            assert made.returncode != 0
            assert expected in made.stderr
