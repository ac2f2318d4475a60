# SPDX-License-Identifier: BSD-3-Clause
"""The emulated host: its image, its configuration, the files that a command of it needs, and a
meter of what its KVM does.

Its image is the guest's with this machine's QEMU and KVM's modules behind it. So the host is a
guest like any other, but has /dev/kvm and a QEMU that uses it.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from bellwire.core import messages
from bellwire.core.places import BUILD, PROGRAM, ROOT, locked, replace_file
from bellwire.image import build, guest_image, kernel, modules, programs
from bellwire.image.cpio import Archive
from bellwire.image.guest_image import CHANNEL_MODULES, Image
from bellwire.labs.processes import Process
from bellwire.vms import toolbox
from bellwire.vms.qemu import VmConfig

MEMORY = 768  # MiB, beyond the guest's
KVM_MODULES = ("kvm_amd",)  # the emulated CPU is AMD's
FOLDER = BUILD / "images/host"
METER_SCRIPT = ROOT / "images/meter"
METER_PORT = "meter"


def make_image(qemu: str) -> Image:
    """The image with that QEMU, up to date."""
    base = kernel.get(kernel.DEFAULT)
    inner = guest_image.make(kernel.DEFAULT)
    made = replace(inner, initramfs=FOLDER / "initramfs.cpio")
    order = modules.with_dependencies(CHANNEL_MODULES + KVM_MODULES, base.modules)
    program = programs.find(qemu)
    files = toolbox.files() if toolbox.is_own(program) else programs.with_libraries(program)
    files += programs.firmware(program)
    with locked(FOLDER.with_suffix(".lock"), "makes the emulated host's image"), \
            messages.waiting("the emulated host's image to be made"):
        needed = build.recipe([inner.initramfs, *order, *files, Path(__file__)], base.root)
        if not build.is_current(made.initramfs, needed):
            FOLDER.mkdir(parents=True, exist_ok=True)
            # Linux unpacks one archive behind the other; what comes later wins.
            replace_file(made.initramfs, inner.initramfs.read_bytes() + _host(order, files))
            build.remember(made.initramfs, needed)
    return made


def _host(order: list[Path], files: list[Path]) -> bytes:
    archive = Archive()
    modules.put(archive, order)
    modules.put_order(archive, order)
    for path in files:
        archive.copy(path)
    return archive.data()


def host(config: VmConfig) -> VmConfig:
    """The configuration of the host for a VM: with the VM's QEMU in it, and memory for the VM.

    It has no more CPUs than its guest: where the device and QEMU share one with it, a round trip
    takes a third of the time, as no other emulated CPU has to be woken.
    """
    return replace(config, image=make_image(config.qemu), accel="host",
                   memory=config.memory + MEMORY, append=(), extra=())


def pack_command(command: Sequence[str]) -> tuple[list[str], dict[str, str], Archive]:
    """A command for the host: its words there, its environment, and its files: `bellwire` and the
    programs that it names by a path, which may be relative."""
    here = {word: Path(word).absolute() for word in command if "/" in word}
    carried = {word: path for word, path in here.items() if programs.is_elf(path)}
    archive, environment = carry(carried.values())
    return [str(carried.get(word, word)) for word in command], environment, archive


def carry(wanted: Iterable[Path]) -> tuple[Archive, dict[str, str]]:
    archive = Archive()
    files = dict.fromkeys(path for program in (PROGRAM, *wanted)
                          for path in programs.with_libraries(program))
    for path in files:
        archive.copy(path)
    archive.link("bin/bellwire", str(PROGRAM))
    return archive, {"PATH": "/bin:/usr/bin", "LD_LIBRARY_PATH": programs.loader_path(files)}


class Meter(Process):
    """Counts what the host's KVM does, between marks that its guest sets.

    images/meter counts, as a process beside the guest's QEMU. A virtio port of the guest leads to
    it, and its counts arrive as a file in the run's folder.
    """

    program = Path("/bin/sh")

    def __init__(self, folder: Path, private: Path) -> None:
        self._pipe = private / METER_PORT
        self.counters = folder / "counters"
        super().__init__("the meter", folder / "meter.log", str(METER_SCRIPT), str(self._pipe),
                         str(self.counters))

    def on(self, config: VmConfig) -> VmConfig:
        """The configuration with a port to the meter."""
        return replace(config, extra=(
            *config.extra, "-chardev", f"pipe,id={METER_PORT},path={self._pipe}",
            "-device", f"virtserialport,chardev={METER_PORT},name=bellwire.{METER_PORT}"))

    def pack(self, archive: Archive) -> None:
        """Adds the files that the host needs for it."""
        archive.copy(METER_SCRIPT)
        archive.folders(self._pipe.parent)
        for end in ("in", "out"):
            archive.pipe(f"{self._pipe}.{end}".strip("/"))

    def between(self, first: str, second: str) -> Counter[str]:
        """The counts from one mark to the other."""
        found = self._read()
        return found[second] - found[first]

    def _read(self) -> dict[str, Counter[str]]:
        found: dict[str, Counter[str]] = {}
        for line in self.counters.read_text().splitlines():
            mark, name, count = line.split()
            found.setdefault(mark, Counter())[name] = int(count)
        return found


def mark(name: str) -> str:
    """The guest's shell command that sets a mark; it returns when everything is counted."""
    return f"{{ echo {name} >&9; read -r _ <&9; }} 9<>/run/bellwire/port/{METER_PORT}"
