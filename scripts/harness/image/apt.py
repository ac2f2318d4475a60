# SPDX-License-Identifier: BSD-3-Clause
"""Fetches Debian's packages with apt, without root and without installing them.

The machine's own apt names the mirror, and its lists are used if they know a package. Otherwise
lists are fetched into a folder of ours, for the same suites or for others. Signatures are always
checked.
"""

import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bellwire.core import children
from bellwire.core.places import HarnessError, write

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_OS_RELEASE = Path("/etc/os-release")
# What the lines with a cause contain; apt prints many more around them.
_CAUSES = ("No space left", "enough free space", "NO_PUBKEY", "Failed to fetch", "Unable to locate")


class AptError(Exception):
    """apt's message when it failed."""


@dataclass(frozen=True)
class Apt:
    """apt with those options; without options it is the machine's own."""

    options: tuple[str, ...] = ()

    def update(self) -> str:
        """Fetches the lists; returns the complaints, maybe about lists that we do not need."""
        return self._run("apt-get", "update").stderr

    def depends(self, package: str) -> list[str]:
        """The packages that it depends on directly."""
        said = self._said("apt-cache", "depends", "--important", package)
        return [line.split()[-1] for line in said.split("\n") if "Depends:" in line]

    def fetch(self, folder: Path, *packages: str) -> None:
        """Downloads those packages into `folder`."""
        self._said("apt-get", "download", *packages, folder=folder)

    def fetch_all(self, folder: Path, package: str, suite: str) -> None:
        """Downloads that suite's package, and everything it needs on an empty machine."""
        (folder / "partial").mkdir(parents=True, exist_ok=True)
        self._said("apt-get", "-o", f"Dir::Cache::archives={folder}", "--yes", "--download-only",
                   "--no-install-recommends", "--target-release", suite, "install", package)

    def _said(self, program: str, *arguments: str, folder: Path | None = None) -> str:
        run = self._run(program, *arguments, folder=folder)
        if run.returncode:
            raise AptError(run.stderr)
        return run.stdout

    def _run(self, program: str, *arguments: str, folder: Path | None = None
             ) -> subprocess.CompletedProcess[str]:
        try:
            return children.run(
                program, "-qq", "-o", "APT::Sandbox::User=root", *self.options, *arguments,
                cwd=folder, env=os.environ | {"LC_ALL": "C.UTF-8"})
        except FileNotFoundError:
            raise HarnessError(f"no {program}: kernels and QEMU come from Debian's packages; use "
                               "Debian 12") from None


MACHINES = Apt()


def private(folder: Path) -> Apt:
    """apt with the machine's sources, but with lists of our own in `folder`."""
    for name in ("lists", "archives"):
        (folder / name / "partial").mkdir(parents=True, exist_ok=True)
    return Apt(("-o", f"Dir::State::lists={folder}/lists", "-o", f"Dir::Cache={folder}",
                "-o", "Debug::NoLocking=1"))


def other_debian(folder: Path, suites: Sequence[str]) -> Apt:
    """apt with those suites, from the machine's mirror, as on an empty machine."""
    if not KEYRING.exists():
        raise HarnessError(f"no {KEYRING}, which proves that packages are Debian's: install "
                           "debian-archive-keyring")
    made = private(folder)
    sources = folder / "sources.list"
    write(sources, "".join(f"deb [signed-by={KEYRING}] {mirror()} {suite} main\n"
                           for suite in suites))
    return Apt((*made.options, "-o", f"Dir::Etc::sourcelist={sources}",
                "-o", "Dir::Etc::sourceparts=/dev/null", "-o", "Dir::State::status=/dev/null"))


def codename() -> str:
    """Of the machine's own release, such as "bookworm"."""
    found = re.search(r"^VERSION_CODENAME=(\w+)$", _OS_RELEASE.read_text(), re.MULTILINE)
    return found[1] if found else ""


def mirror() -> str:
    """The mirror of the machine's own release of Debian."""
    release = codename()
    said = MACHINES._said("apt-get", "indextargets", "--no-release-info",
                          "--format", "$(RELEASE) $(REPO_URI)")
    places = [line.split()[1] for line in said.splitlines() if line.split()[0] == release]
    if not places:
        raise HarnessError(f"none of apt's sources has the suite '{release}' of {_OS_RELEASE}: add "
                           "Debian's, as the mirror to fetch from")
    return places[0]


def cause(said: str) -> str:
    """The line of apt's output that best explains the failure."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    telling = (line for word in _CAUSES for line in lines if word in line)
    return next(telling, lines[-1] if lines else "nothing")


def unpack(packages: Path, root: Path) -> None:
    """Unpacks the packages in a folder, and removes them."""
    for package in packages.glob("*.deb"):
        children.run("dpkg", "-x", package, root).check_returncode()
        package.unlink()


def unpack_member(package: Path, member: str, to: Path) -> None:
    """Unpacks that one file of a package."""
    script = 'dpkg --fsys-tarfile "$1" 2>&- | tar -xO --occurrence=1 -- "$2" >"$3"'
    done = children.run("sh", "-c", script, "sh", package, member, to)
    if done.returncode:
        raise HarnessError(f"can't unpack {member} of {package.name} to {to}: {cause(done.stderr)}")
