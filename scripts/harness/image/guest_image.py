# SPDX-License-Identifier: BSD-3-Clause
"""Makes the image that a guest boots: Debian's kernel, and an initramfs with our modules and tools.

It stands in build/images/VERSION, and is made again when an ingredient changes.
"""

from dataclasses import dataclass
from pathlib import Path

from bellwire.core import children, messages
from bellwire.core.places import (BARE_PEER, BUILD, GUEST_TOOLS, ROOT, HarnessError, locked,
                                 replace_file)
from bellwire.image import build, kbuild, kernel, modules
from bellwire.image.cpio import Archive
from bellwire.image.kernel import Kernel

PROGRAMS = ("bellwire", BARE_PEER.name, *(tool.name for tool in GUEST_TOOLS))  # that a run needs
BUSYBOX = Path("/bin/busybox")
INIT = ROOT / "images/init"
MODULE_SOURCES = ROOT / "guest-kmod"
SOURCE_PATTERNS = ("Kbuild", "*.[ch]", "uapi/*.h")
# The first is loaded by init; the others wait in the guest's /lib/modules.
MODULES = ("module/bellwire.ko", "notify_lab/notify_lab.ko", "bare/bare_wire.ko")
# What the guest's channels to the harness need; built-in ones are skipped.
CHANNEL_MODULES = ("virtio_pci", "virtio_console")


@dataclass(frozen=True)
class Image:
    release: str
    kernel: Path
    initramfs: Path
    modules: Path = Path()  # the folder of all that the kernel came with


def make(version: str | Kernel = kernel.DEFAULT) -> Image:
    """The image with that kernel, up to date. Builds its modules, but not its tools."""
    base = kernel.get(version) if isinstance(version, str) else version
    folder = BUILD / "images" / base.version
    image = Image(base.release, base.image, folder / "initramfs.cpio", base.modules)
    with locked(BUILD / "images" / f"{base.version}.lock", "makes the guest's image"), \
            messages.waiting("the guest's image to be made"):
        _modules(base, folder / "module")
        _initramfs(base, module_files(base), image.initramfs)
    return image


def module_files(base: Kernel) -> list[Path]:
    """Our modules as they were built, with symbols; the image has none."""
    return [BUILD / "images" / base.version / "module" / name for name in MODULES]


def prepare(version: str | Kernel) -> Image:
    """Builds all that a run needs, and returns the image."""
    build.programs(*PROGRAMS)
    return make(version)


def _modules(base: Kernel, folder: Path) -> None:
    """Builds a copy of the sources out of tree, so that objects for two kernels never mix."""
    folders = {MODULE_SOURCES, *((MODULE_SOURCES / name).parent for name in MODULES)}
    sources = sorted(path for place in folders
                     for pattern in SOURCE_PATTERNS for path in place.glob(pattern))
    if MODULE_SOURCES / "Kbuild" not in sources:
        raise HarnessError(f"no {MODULE_SOURCES}/Kbuild: the guest module's sources are missing")
    config = [base.headers / name for name in (".config", "Module.symvers")]
    needed = build.recipe([*sources, *config], base.root)
    if build.is_current(folder / MODULES[0], needed):
        return
    messages.say(f"building the guest modules for {base.release}")
    folder.mkdir(parents=True, exist_ok=True)
    with kbuild.place(base, folder) as (headers, place):
        _mirror(sources, place)
        kbuild.make(headers, place, folder.with_name("module.log"), "the guest modules")
        for name in MODULES if place != folder else ():
            _copy(place / name, folder / name)
    build.remember(folder / MODULES[0], needed)


def _mirror(sources: list[Path], folder: Path) -> None:
    """Copies the sources whose content changed, so that make rebuilds only those, and removes the
    copies of sources that are gone."""
    copies = {folder / path.relative_to(MODULE_SOURCES): path for path in sources}
    for old in folder.rglob("*.[ch]"):
        if old not in copies and not old.name.endswith(".mod.c"):
            old.unlink()
    for copy, path in copies.items():
        _copy(path, copy)


def _copy(path: Path, copy: Path) -> None:
    """Writes it only if its content differs. Neither time nor mode is copied: make is to rebuild
    also from a source whose time went back, and sources may be read-only, the copy must not."""
    copy.parent.mkdir(parents=True, exist_ok=True)
    data = path.read_bytes()
    if not copy.exists() or copy.read_bytes() != data:
        replace_file(copy, data)


def _initramfs(base: Kernel, ours: list[Path], target: Path) -> None:
    needed = build.recipe([BUSYBOX, INIT, *GUEST_TOOLS, *ours, base.image, Path(__file__)],
                          base.root)
    if build.is_current(target, needed):
        return
    channels = modules.with_dependencies(CHANNEL_MODULES, base.modules)
    archive = Archive()
    for name in ("bin", "dev", "proc", "sys", "run", "tmp", "root", "etc", "usr", "lib",
                 "lib/modules"):
        archive.folder(name)
    for name, to in (("sbin", "bin"), ("usr/bin", "../bin"), ("usr/sbin", "../bin")):
        archive.link(name, to)
    archive.file("bin/busybox", BUSYBOX.read_bytes(), 0o755)
    applets = children.run(BUSYBOX, "--list")
    applets.check_returncode()
    for applet in applets.stdout.split():
        if applet != "busybox":
            archive.link(f"bin/{applet}", "busybox")
    for tool in GUEST_TOOLS:
        archive.file(f"bin/{tool.name}", _stripped(tool, target.parent).read_bytes(), 0o755)
    archive.file("init", INIT.read_bytes(), 0o755)
    modules.put(archive, channels)
    modules.put(archive, (_stripped(module, target.parent, "--strip-debug") for module in ours))
    modules.put_order(archive, channels)
    replace_file(target, archive.data())
    build.remember(target, needed)


def _stripped(program: Path, folder: Path, how: str = "--strip-all") -> Path:
    """A copy without debug information, which is most of the file and would be unpacked by every
    boot. A module's symbols stay: the kernel prints them in its complaints."""
    copy = folder / program.name
    children.run("strip", how, "-o", copy, program).check_returncode()
    return copy
