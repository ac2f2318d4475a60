# SPDX-License-Identifier: BSD-3-Clause
"""Debian's kernels with the headers to build modules against, fetched without root.

The cloud kernels are small and boot fast. A generic one has the drivers of all hardware as modules
and takes twice as long. Each is unpacked once into the user's cache, in the newest version that apt
offers then; remove the folder to get a newer one. A kernel that checks itself is built from Debian's
sources (debug_kernel.py).
"""

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from bellwire.core import messages
from bellwire.core.places import HarnessError, Missing, cache, caches, locked, unique, write
from bellwire.image import apt, debug_kernel
from bellwire.image.apt import Apt, AptError

Made = TypeVar("Made")

# Which package names the newest kernel of a version, by Debian's releases: a kernel's modules are
# built by the compiler of its release. The first is the usual one.
_NEWEST = {
    "bookworm": {"6.1": "linux-image-cloud-amd64",
                 "6.12": "linux-image-6.12-cloud-amd64",
                 "6.1-generic": "linux-image-amd64"},
    "trixie": {"6.12": "linux-image-cloud-amd64", "6.12-generic": "linux-image-amd64"},
}
NEWEST = _NEWEST.get(apt.codename(), _NEWEST["bookworm"])
VERSIONS = (*NEWEST, debug_kernel.VERSION)
DEFAULT = os.environ.get("BELLWIRE_KERNEL", next(iter(NEWEST)))  # the tests have another tried


@dataclass(frozen=True)
class Kernel:
    version: str  # "6.1"
    release: str  # "6.1.0-56-cloud-amd64", what uname -r says
    root: Path    # the unpacked packages

    @property
    def image(self) -> Path:
        return self.root / f"boot/vmlinuz-{self.release}"

    @property
    def modules(self) -> Path:
        return self.root / f"lib/modules/{self.release}/kernel"

    @property
    def headers(self) -> Path:
        return self.root / f"usr/src/linux-headers-{self.release}"


def get(version: str) -> Kernel:
    """The kernel of that version, fetched if the cache lacks it."""
    if version not in VERSIONS:
        raise HarnessError(f"unknown kernel '{version}': choose one of {', '.join(VERSIONS)}")
    return _unpacked(version) or _fetched(version)


def mend_build_link(base: Kernel) -> None:
    """lib/modules/RELEASE/build points into /usr/src, where the headers are not."""
    link = base.modules.with_name("build")
    if link.is_symlink() and not link.exists():
        half = unique(link.with_name(".build"))
        half.symlink_to(Path("../../..") / base.headers.relative_to(base.root))
        half.replace(link)


def _unpacked(version: str) -> Kernel | None:
    """From any cache, also a read-only one."""
    for place in caches():
        root = place / "kernels" / version
        if version == debug_kernel.VERSION and not debug_kernel.is_current(root):
            continue
        with suppress(OSError):
            return Kernel(version, (root / "release").read_text().strip(), root)
    return None


def _fetched(version: str) -> Kernel:
    root = cache() / "kernels" / version
    with locked(root.with_name(f"{version}.lock"), f"fetches kernel {version}"):
        if not (made := _unpacked(version)):
            _fetch(version, root)
    return made or Kernel(version, (root / "release").read_text().strip(), root)


def _fetch(version: str, root: Path) -> None:
    half = root.with_name(f"{version}.half")  # ours alone: we hold the lock
    shutil.rmtree(half, ignore_errors=True)
    shutil.rmtree(root, ignore_errors=True)  # one without a release isn't whole
    half.mkdir()
    try:
        if version == debug_kernel.VERSION:
            first_that_can(f"kernel {version}", lambda source: debug_kernel.build(source, half))
        else:
            messages.say(f"fetching Debian's kernel {version} (40 MB, once; 85 if generic)")
            _unpack(_download(version, half), half)
        half.rename(root)
    finally:
        shutil.rmtree(half, ignore_errors=True)


def _download(version: str, folder: Path) -> str:
    """Leaves the packages in `folder`; returns the kernel's release."""
    def fetch(source: Apt) -> str:
        release = _newest(version, source)
        source.fetch(folder, f"linux-image-{release}", *_headers(release, source))
        return release

    return first_that_can(f"kernel {version}", fetch)


def first_that_can(what: str, fetch: Callable[[Apt], Made]) -> Made:
    """The result with the machine's own apt, or with lists of our own if that fails."""
    said = ""
    for source in (apt.MACHINES, apt.private(cache() / "apt")):
        try:
            if source is not apt.MACHINES:
                said += source.update()
            return fetch(source)
        except AptError as error:
            said += str(error)
    raise Missing(f"can't fetch {what}: apt says '{apt.cause(said)}'; it needs the "
                  f"network once, and {apt.codename() or 'Debian'} with its security suite among "
                  "apt's sources")


def _newest(version: str, source: Apt) -> str:
    number = version.split("-")[0]
    for name in source.depends(NEWEST[version]):
        release = name.removeprefix("linux-image-")
        if name != release and release.startswith(f"{number}."):
            return release
    raise AptError(f"no {NEWEST[version]} of it")


def _headers(release: str, source: Apt) -> list[str]:
    first = f"linux-headers-{release}"
    wanted = ("linux-headers-", "linux-kbuild-")
    return [first, *(name for name in source.depends(first) if name.startswith(wanted))]


def _unpack(release: str, half: Path) -> None:
    with messages.waiting(f"the packages of kernel {release} to be unpacked"):
        apt.unpack(half, half)
    # The headers look for their other half in /usr/src; here it stands beside them.
    makefile = half / f"usr/src/linux-headers-{release}/Makefile"
    write(makefile, makefile.read_text().replace("/usr/src/", "../"))
    mend_build_link(Kernel("", release, half))
    write(half / "release", release + "\n")
