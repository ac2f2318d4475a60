# SPDX-License-Identifier: BSD-3-Clause
"""Debian's cloud kernels with the headers to build modules against, without root.

Each is unpacked once, into the user's cache. The newest that apt offers at that
time is taken; remove the folder to get a newer one. apt's own lists serve where
they know the kernel; else lists of our own are fetched, from the same sources.
"""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .places import HarnessError, cache, locked

# Which package names the newest kernel of a version.
NEWEST = {
    "6.1": "linux-image-cloud-amd64",
    "6.12": "linux-image-6.12-cloud-amd64",
}
DEFAULT = "6.1"


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
    """The kernel of that version; fetched when the cache lacks it."""
    if version not in NEWEST:
        raise HarnessError(f"unknown kernel '{version}': choose one of {', '.join(NEWEST)}")
    root = cache() / "kernels" / version
    with locked(root.with_name(f"{version}.lock")):
        if not root.exists():
            _fetch(version, root)
    return Kernel(version, (root / "release").read_text().strip(), root)


def _fetch(version: str, root: Path) -> None:
    print(f"bellwire: fetching Debian's kernel {version} (about 45 MB, once)", file=sys.stderr)
    half = root.with_name(f"{version}.half")  # ours alone: we hold the lock
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir()
    try:
        _unpack(_download(version, half), half)
        half.rename(root)
    finally:
        shutil.rmtree(half, ignore_errors=True)


def _download(version: str, folder: Path) -> str:
    """Leaves the packages in `folder`; returns the kernel's release."""
    said = ""
    for options in ([], _own_lists()):
        try:
            if options:
                said += _update(options)
            release = _newest(version, options)
            packages = [f"linux-image-{release}", *_headers(release, options)]
            _apt("apt-get", *options, "-qq", "-o", "APT::Sandbox::User=root", "download",
                 *packages, folder=folder)
            return release
        except subprocess.CalledProcessError as error:
            said += error.stderr
    raise HarnessError(f"can't fetch kernel {version}: apt says '{_cause(said)}'; it needs the "
                       "network once, and bookworm with its security suite among apt's sources")


def _update(options: Sequence[str]) -> str:
    """Fetches lists; returns apt's complaints. One source that fails needn't be one we need."""
    return subprocess.run(["apt-get", *options, "-qq", "update"], capture_output=True,
                          text=True).stderr


def _cause(said: str) -> str:
    lines = [line for line in said.splitlines() if line.strip()]
    return next((line for line in lines if "Failed to fetch" in line), lines[-1])


def _own_lists() -> list[str]:
    folder = cache() / "apt"
    (folder / "lists/partial").mkdir(parents=True, exist_ok=True)
    (folder / "archives/partial").mkdir(parents=True, exist_ok=True)
    return ["-o", f"Dir::State::lists={folder}/lists", "-o", f"Dir::Cache={folder}",
            "-o", "Debug::NoLocking=1", "-o", "APT::Sandbox::User=root"]


def _newest(version: str, options: Sequence[str]) -> str:
    for name in _depends(NEWEST[version], options):
        release = name.removeprefix("linux-image-")
        if name != release and release.startswith(f"{version}."):
            return release
    raise subprocess.CalledProcessError(100, "apt-cache", stderr=f"no {NEWEST[version]} of it")


def _headers(release: str, options: Sequence[str]) -> list[str]:
    first = f"linux-headers-{release}"
    wanted = ("linux-headers-", "linux-kbuild-")
    return [first, *(name for name in _depends(first, options) if name.startswith(wanted))]


def _depends(package: str, options: Sequence[str]) -> list[str]:
    lines = _apt("apt-cache", *options, "depends", "--important", package).split("\n")
    return [line.split()[-1] for line in lines if "Depends:" in line]


def _apt(*argv: str, folder: Path | None = None) -> str:
    try:
        return subprocess.run(argv, check=True, capture_output=True, text=True, cwd=folder).stdout
    except FileNotFoundError:
        raise HarnessError(f"no {argv[0]}: the kernel comes from Debian's packages; use Debian 12"
                           ) from None


def _unpack(release: str, half: Path) -> None:
    for package in half.glob("*.deb"):
        subprocess.run(["dpkg", "-x", package, half], check=True)
        package.unlink()
    # The headers look for their other half in /usr/src; here it stands beside them.
    makefile = half / f"usr/src/linux-headers-{release}/Makefile"
    makefile.write_text(makefile.read_text().replace("/usr/src/", "../"))
    (half / "release").write_text(release + "\n")
