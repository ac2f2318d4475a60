# SPDX-License-Identifier: BSD-3-Clause
"""A newer QEMU than the machine's, without root and without a change to the system.

It is Debian's own, from a later suite, unpacked once into the build folder with every library down
to libc. A script of ours starts it with its own loader, so the machine's programs never see those
libraries. Remove the folder to get a newer one.
"""

import shutil
from pathlib import Path

from bellwire.core import children, messages
from bellwire.core.places import BUILD, Missing, locked, plain_alias, write
from bellwire.image import apt, programs
from bellwire.image.apt import AptError
from bellwire.vms import qemu

FOLDER = BUILD / "qemu-toolbox"
NAME = "toolbox"  # what --qemu calls it
VFIO_USER = (10, 1)  # the first version that speaks it
ANY_FRONT_END = "vhost-user-test-device-pci"  # of whatever virtio device,
ANY_DEVICE = (10, 2)  # and the first version that has it
PACKAGE = "qemu-system-x86"
SUITES = ("trixie", "trixie-backports")  # the last has the QEMU, and needs the others
PROGRAM = "qemu-system-x86_64"
LIBRARIES = "usr/lib/x86_64-linux-gnu"
STARTER = f"""\
#!/bin/sh
# Starts the QEMU beside it, by the loader that belongs to it, with its own modules and firmware.
root=$(cd "${{0%/*}}" && pwd)/root
export QEMU_MODULE_DIR="$root/{LIBRARIES}/qemu"
exec "$root/usr/lib64/ld-linux-x86-64.so.2" --library-path "$root/{LIBRARIES}" \\
    "$root/usr/bin/{PROGRAM}" -L "$root/usr/share/qemu" -L "$root/usr/share/seabios" "$@"
"""


def find(needed: tuple[int, int], device: str = "") -> str:
    """A QEMU of at least that version that has that device: the machine's own if possible, else
    the toolbox's."""
    own = shutil.which(PROGRAM)
    return own if own and _does(own, needed, device) else str(get())


def chosen(name: str, transport: str = "ivshmem", rings: bool = False) -> str:
    """The QEMU that --qemu names: "toolbox", or a program. Where the transport needs a newer one
    than the machine's, that is replaced; `rings`: ring devices are on it."""
    if name == NAME:
        return str(get())
    needed = _needed(transport.partition(",")[0], rings)
    if name == PROGRAM and needed:
        return find(*needed)
    if not shutil.which(name):
        raise Missing(f"no QEMU '{name}': name another by --qemu, or run scripts/setup")
    if needed and not _does(name, *needed):
        version, device = needed
        raise Missing(f"--qemu {name}: it has no {device}, which --transport {transport} needs here: "
                      f"leave --qemu out, or name one from {version[0]}.{version[1]} on")
    return name


def _needed(transport: str, rings: bool) -> tuple[tuple[int, int], str] | None:
    """Which version, with which device."""
    if transport == "vfio-user":
        return VFIO_USER, "vfio-user-pci"
    return (ANY_DEVICE, ANY_FRONT_END) if transport == "vhost-user" and rings else None


def get() -> Path:
    """The toolbox's QEMU, to be started like any other; fetched if it is missing."""
    if not FOLDER.exists():
        with locked(FOLDER.with_suffix(".lock"), "fetches QEMU"):
            if not FOLDER.exists():
                _fetch()
    return _loadable(FOLDER) / PROGRAM


def _loadable(folder: Path) -> Path:
    """The same folder by a path in which the loader sees one item, not a list of several."""
    return plain_alias(folder.parent) / folder.name if set(str(folder)) & set(":;") else folder


def is_own(program: Path) -> bool:
    return program.exists() and FOLDER.exists() and program.samefile(FOLDER / PROGRAM)


def files() -> list[Path]:
    """The files that start its QEMU; programs.firmware has those that it loads then."""
    folder = _loadable(FOLDER)
    root = folder / "root"
    program, loader = root / "usr/bin" / PROGRAM, root / "usr/lib64/ld-linux-x86-64.so.2"
    said = children.run(loader, "--library-path", root / LIBRARIES, "--list", program)
    said.check_returncode()
    return [folder / PROGRAM, program, *programs.libraries(said.stdout)]


def _does(program: str, needed: tuple[int, int], device: str) -> bool:
    if qemu.numbers(program) < needed:
        return False
    # Not "-device help", which loads all modules, and may meet one that doesn't fit.
    said = children.run(program, "-device", f"{device},help")
    return not device or f"{device} options:" in said.stdout


def _fetch() -> None:
    messages.say(f"fetching QEMU of Debian's {SUITES[-1]} into {FOLDER} "
                 "(37 MB and 10 of lists, once)")
    half = _loadable(FOLDER.with_suffix(".half"))  # ours alone: we hold the lock
    shutil.rmtree(half, ignore_errors=True)
    try:
        _download(half / "apt")
        with messages.waiting("QEMU's packages to be unpacked"):
            apt.unpack(half / "apt/archives", half / "root")
        shutil.rmtree(half / "apt")
        starter = half / PROGRAM
        write(starter, STARTER)
        starter.chmod(0o755)
        qemu.version(str(starter))  # fails if it does not run
        half.rename(FOLDER)
    finally:
        shutil.rmtree(half, ignore_errors=True)


def _download(folder: Path) -> None:
    source = apt.other_debian(folder, SUITES)
    said = source.update()
    try:
        source.fetch_all(folder / "archives", PACKAGE, SUITES[-1])
    except AptError as error:
        raise Missing(f"can't fetch QEMU of {SUITES[-1]}: apt says "
                           f"'{apt.cause(said + str(error))}'; {_remedy(said)}") from None


def _remedy(said: str) -> str:
    if "NO_PUBKEY" in said:
        return f"{apt.KEYRING} is older than that suite: upgrade debian-archive-keyring"
    return "it needs the network once, or install QEMU 10.1 or newer and name it by --qemu"
