# SPDX-License-Identifier: BSD-3-Clause
"""On fresh systems, one per release of Debian: the packages, built, examined, installed and used; the
README's two commands in a clone; the first lab, as a student would do it. It fetches hundreds of
packages from the machine's mirror, and takes root, for debootstrap."""

import os
import re
import shutil
from functools import partial
from pathlib import Path

from bellwire.core.places import ROOT, cache
from bellwire.report.results import Case
from . import guide
from .step import LOGS, Failed, Step, command

RELEASES = ("bookworm", "trixie")
LIMIT = 3600.0  # seconds for what builds everything, on a busy machine
USER = "tester"

# The mounts go with the process, whatever ends it.
ENTER = """\
set -e
mount -t proc proc "$1/proc"
mount --rbind /dev "$1/dev"
mount -t tmpfs tmpfs "$1/tmp"
mount --bind "$2" "$1/var/cache/apt/archives"
exec chroot "$1" runuser --user "$3" -- env -i DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 \\
    HOME="$4" PATH=/usr/sbin:/usr/bin:/sbin:/bin sh -ec "$5"
"""
BUILD = """\
apt-get -qq update
apt-get -qq install --no-install-recommends build-essential lintian
cd /srv/bellwire
apt-get -qq build-dep --no-install-recommends ./
dpkg-buildpackage --unsigned-source --unsigned-changes --build=binary
lintian --fail-on error,warning --info ../bellwire_*.changes
"""
INSTALL = f"""\
apt-get -qq update
apt-get -qq install --no-install-recommends /srv/*.deb cmake ninja-build doctest-dev man-db patch
useradd --create-home {USER}
"""
# A device's wires under a real guest, and everything that the packages bring.
USE = """\
cd
bellwire --version
bellwire-boot-vm -- bell ring --count 1000
bellwire-demo --count 1000
man -w bellwire bellwire-boot-vm
bash -c '. /usr/share/bash-completion/completions/bellwire; COMP_WORDS=(bellwire ""); COMP_CWORD=1
    _bellwire bellwire; echo "${COMPREPLY[@]}"' | grep switchboard
python3 -c 'import bellwire.labs.lab'
cp -r /srv/bellwire/docs/examples/device .
cmake -G Ninja -S device -B built >log && cmake --build built >>log || { cat log; exit 1; }
ctest --test-dir built --no-tests=error
for lab in 01-eventfd:0 03-kernel-rings:1; do
    bellwire-lab start ${lab%:*} lab
    make -C lab
    if ./lab/grade >grade; then exit 1; fi
    grep "^${lab%:*}: ${lab#*:} of " grade
    rm -r lab grade
done
[ "$(ls -A | grep -v '^\\.\\|^device$\\|^built$\\|^log$')" = "" ] || { ls -A; exit 1; }
"""

# The guest's module for the release's own kernel.
DKMS = """\
apt-get -qq install --no-install-recommends linux-headers-cloud-amd64
dkms status | tee /dev/stderr | grep -q '^bellwire.*: installed'
"""
# And for the newest kernel that there is for the release.
DKMS_NEWEST = """\
echo "deb {mirror} {release}-backports main" >/etc/apt/sources.list.d/backports.list
apt-get -qq update
apt-get -qq install --no-install-recommends --target-release {release}-backports \\
    linux-headers-cloud-amd64
dkms status | tee /dev/stderr | grep -c '^bellwire.*: installed' | grep -qx 2
"""


def container() -> str:
    """What the Containerfile runs, in the folder that it names."""
    text = (ROOT / "Containerfile").read_text().replace("\\\n", "")
    lines = re.findall(r"^(RUN|WORKDIR) (.+)$", text, re.MULTILINE)
    return "".join(f"cd {words}\n" if what == "WORKDIR" else f"{words}\n" for what, words in lines)


# What follows in a fresh clone.
CLONE = """\
./scripts/demo
"""
# Without a network: only what the first run has left is there.
AGAIN = """\
cd /srv/bellwire
unshare --net ./scripts/demo
unshare --net ./scripts/boot-vm -- bell info
"""
# A student who types what docs/labs says: few points at first, and all with the solution.
STUDENT = """\
cd /srv/bellwire
./scripts/lab start 1 ~/eventfd
cd ~/eventfd
make
if ./grade; then exit 1; fi
cp /srv/bellwire/docs/labs/solutions/01-eventfd/eventfd_lab.c .
cp /srv/bellwire/docs/labs/solutions/01-eventfd/predictions.txt .
./grade
"""


class System:
    """A fresh Debian in a folder, which processes enter by chroot."""

    def __init__(self, release: str, purpose: str) -> None:
        self.name = f"{release}-{purpose}"
        self.folder = LOGS / "packages" / self.name
        self.fetched = cache() / "packages" / release
        self.fetched.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        command(f"{self.name}-debootstrap", "debootstrap", "--variant=minbase",
                f"--cache-dir={self.fetched}", release, self.folder, mirror())

    def take_sources(self) -> None:
        """What git tracks here, as a folder without git."""
        place = self.folder / "srv/bellwire"
        place.mkdir()
        command("sources", "sh", "-c", 'git ls-files -z | tar --null -T - -c | tar -x -C "$1"', "sh",
                place)

    def run(self, script: str, user: str = "root") -> str:
        home = "/root" if user == "root" else f"/home/{user}"
        return command(f"{self.name}-{user}", "unshare", "--mount", "--pid", "--fork",
                       "--kill-child", "sh", "-c", ENTER, "sh", self.folder, self.fetched, user,
                       home, script, limit=LIMIT)


def mirror() -> str:
    """That from which the machine itself has its packages."""
    said = command("mirror", "apt-get", "indextargets", "--format", "$(REPO_URI) $(COMPONENT)")
    found = re.search(r"^(\S+/debian/?) main$", said, re.MULTILINE)
    if not found:
        raise Failed(f"no mirror of Debian in apt's sources, which have {said!r}")
    return found[1]


def need_root() -> None:
    if os.geteuid() != 0:
        raise Failed("debootstrap takes root: run this level as root")


def check(release: str) -> list[Case]:
    need_root()
    made = build(release)
    system = System(release, "used")
    for package in made:
        shutil.copy(package, system.folder / "srv")
    system.take_sources()
    system.run(INSTALL)
    system.run(USE, USER)
    system.run(DKMS)
    system.run(DKMS_NEWEST.format(mirror=mirror(), release=release))
    page = guide.PAGE.read_text()
    guide.check(page, system.run("cd\n" + guide.installed(page), USER))
    shutil.rmtree(system.folder)
    return [Case(f"{release}: {path.name.partition('_')[0]}") for path in made]


def build(release: str) -> list[Path]:
    """The packages, built and examined."""
    system = System(release, "built")
    system.take_sources()
    system.run(BUILD)
    return sorted((system.folder / "srv").glob("*.deb"))


def two_commands(release: str) -> list[Case]:
    """The README's, twice."""
    need_root()
    system = System(release, "cloned")
    system.take_sources()
    for script in (container() + CLONE, AGAIN):
        said = system.run(script)
        if "All is well" not in said:
            raise Failed(f"the demo did not end well:\n{said}")
    shutil.rmtree(system.folder)
    return [Case(f"{release}: the two commands"), Case(f"{release}: again, without a network")]


def student(release: str) -> list[Case]:
    need_root()
    system = System(release, "student")
    system.take_sources()
    system.run(STUDENT)
    shutil.rmtree(system.folder)
    return [Case(f"{release}: a lab is graded")]


STEPS = tuple(step for release in RELEASES for step in (
    Step(release, partial(check, release), limit=3 * LIMIT),
    Step(f"{release}: a clone", partial(two_commands, release), limit=3 * LIMIT),
    Step(f"{release}: a student", partial(student, release), limit=LIMIT)))
