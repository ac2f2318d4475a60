# SPDX-License-Identifier: BSD-3-Clause
"""A kernel's vmlinux, which has the names, types and lines of its sources, for gdb."""

import shutil
from pathlib import Path

from bellwire.core import messages
from bellwire.core.places import Missing, cache, caches, locked
from bellwire.image import apt, kernel
from bellwire.image.apt import Apt
from bellwire.image.kernel import Kernel


def vmlinux(base: Kernel) -> Path:
    """Debian's is in a package of its own, which is fetched once; that of another kernel stands
    where it was built. Missing: there is none."""
    built = base.headers / "vmlinux"
    if built.is_file():
        return built
    if base.version not in kernel.NEWEST:
        raise Missing(f"no {built}: keep the folder in which the kernel was built")
    return _kept(base.release) or _fetched(base)


def _kept(release: str) -> Path | None:
    """From any cache, also a read-only one."""
    paths = (place / "symbols" / release / "vmlinux" for place in caches())
    return next((path for path in paths if path.is_file()), None)


def _fetched(base: Kernel) -> Path:
    folder = cache() / "symbols" / base.release
    folder.parent.mkdir(exist_ok=True)
    with locked(folder.with_name(f"{base.release}.lock"), f"fetches the symbols of {base.release}"):
        if kept := _kept(base.release):
            return kept
        half = folder.with_name(f"{base.release}.half")  # ours alone: we hold the lock
        shutil.rmtree(half, ignore_errors=True)
        half.mkdir()
        try:
            _fetch(base, half)
            half.rename(folder)
        finally:
            shutil.rmtree(half, ignore_errors=True)
    return folder / "vmlinux"


def _fetch(base: Kernel, half: Path) -> None:
    messages.say(f"fetching the symbols of Debian's kernel {base.release} (300 MB, once)")

    def fetch(source: Apt) -> None:
        source.fetch(half, f"linux-image-{base.release}-dbg")

    kernel.first_that_can(f"the symbols of kernel {base.release}", fetch)
    (package,) = half.glob("*.deb")
    member = f"./usr/lib/debug/boot/vmlinux-{base.release}"
    with messages.waiting(f"the symbols of kernel {base.release} to be unpacked"):
        apt.unpack_member(package, member, half / "vmlinux")
    package.unlink()
