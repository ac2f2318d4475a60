# SPDX-License-Identifier: BSD-3-Clause
"""QEMU's command line for a test VM: what the VM is made of, and how it talks to the harness.

The guest's streams are virtio ports. One brings the overlay with the guest's command; behind the
others are files in the VM's folder. Each wire is a PCI device behind a PCIe port of its own (plugs.py).
Wires stand on the command line, or are plugged into a VM that was started without them. The
`status` file is opened last: when it exists, all wires on the command line are connected.
"""

import functools
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bellwire.core import messages
from bellwire.core.places import BUILD, Missing
from bellwire.image import build
from bellwire.image.guest_image import Image
from bellwire.vms import gdb
from bellwire.vms.plugs import Plug, value

MACHINE = "q35,hpet=off,smbus=off,sata=off,vmport=off,i8042=off"
# cx16: QEMU 7.2 emulates it so that kernel 6.12 oopses now and then.
ACCELERATORS = {
    "tcg": ("-accel", "tcg", "-cpu", "qemu64,-cx16"),
    "kvm": ("-accel", "kvm", "-cpu", "host"),
    "nested": ("-accel", "kvm", "-cpu", "host"),  # in an emulated host (nested),
    "host": ("-accel", "tcg", "-cpu", "qemu64,-cx16,+svm,+npt"),  # which is this
}
EMULATED = ("tcg", "host")
# loglevel=5: warnings reach the console log, the chatter of a boot doesn't. tsc=reliable: on a
# busy host the watchdog would take an emulated TSC for unstable. no_timer_check: there the kernel
# would panic, too, if the timer's first ticks came late. unknown_nmi_panic, panic_print: an NMI
# shows the stacks of all CPUs and tasks. no_e820: the BIOS of newer QEMUs puts the ports' windows
# at the top of a CPU's 40 bits, which QEMU reserves for AMD's sake, and Linux would give nothing
# of them to what is plugged in.
KERNEL_PARAMETERS = ("console=ttyS0", "quiet", "loglevel=5", "tsc=reliable", "no_timer_check",
                     "pci=no_e820", "oops=panic", "panic=-1", "unknown_nmi_panic",
                     "panic_print=0x41")
# The guest's port, and the file behind it; images/init has what they carry.
PORTS = {"stdout": "stdout", "stderr": "stderr", "results": "results.ktap", "status": "status"}
# Linux gives QEMU room for 32 messages about ports, two of each, before it looks at the first. QEMU
# drops what has no room, and a port without a name is never found.
MAX_PORTS = 16
FIRST_WIRE = 0x08  # PCI slot of the first wire's port; /dev/bellwireN has their order
MAX_WIRES = 16
RESERVE = "pref64-reserve=1G"  # address space behind each port: for any switchboard's memory
IO_PORTS = 4  # the first ports have a window for I/O; more would exhaust it


@dataclass(frozen=True)
class VmConfig:
    image: Image
    accel: str = "tcg"
    qemu: str = "qemu-system-x86_64"
    smp: int = 1
    memory: int = 256  # MiB
    shared_memory: bool = False  # in a file that QEMU can hand to other processes
    append: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    gdb_port: int | None = None  # QEMU waits there for gdb
    cold: bool = False  # always boot
    resets: bool = True  # whether the machine may be reset: then QEMU needs the kernel again
    outer: bool = False  # of an emulated host: no guest of ours is in it, to take its ports

    @property
    def resumable(self) -> bool:
        """Whether resuming a saved state is safe and faster than a boot."""
        special = self.cold or self.gdb_port or self.append or self.extra
        return self.accel in EMULATED and not special

    @property
    def reads(self) -> bool:
        """Whether the guest's command can be given input. Not where an emulated host is in between,
        whose own ports are taken by what its guest writes."""
        return self.outer or self.accel not in ("host", "nested")

    @property
    def nested(self) -> bool:
        """Whether the VM runs in an emulated host."""
        return self.accel == "nested"

    def on(self, accel: str) -> "VmConfig":
        return replace(self, accel=accel)


@dataclass(frozen=True)
class Ram:
    """A file that is the guest's memory."""

    path: Path
    written: bool  # whether what the guest writes gets there; else only QEMU sees it


CommandLine = list[list[str]]  # its arguments, in groups that belong together


@functools.cache
def version(program: str) -> str:
    """As the program prints it: "7.2.22 (Debian …)". It is asked again only when its file has changed;
    a script each time, since it may start any other, unless it is the toolbox's."""
    path = Path(shutil.which(program) or program).resolve()
    if _is_elf(path) or path.is_relative_to(BUILD):
        return build.remembered("versions", path, lambda: _said_version(program))
    return _said_version(program)


def _is_elf(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(4) == b"\x7fELF"
    except OSError:
        return False


def _said_version(program: str) -> str:
    try:
        with messages.waiting(f"'{program} --version'"):
            asked = subprocess.run([program, "--version"], stdin=subprocess.DEVNULL, text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    except OSError as error:
        raise _no_qemu(program, error) from None
    first = asked.stdout.split("\n")[0]
    if asked.returncode:
        raise _no_qemu(program, f"it ended with {asked.returncode}: {first}")
    return first.removeprefix("QEMU emulator version ")


def numbers(program: str) -> tuple[int, int]:
    """Its version as numbers; (0, 0) if it says none."""
    found = re.match(r"(\d+)\.(\d+)", version(program))
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _no_qemu(program: str, reason: object) -> Missing:
    return Missing(f"QEMU '{program}' doesn't run: {reason}")


def line(config: VmConfig, folder: Path, overlay: Path | None = None, slots: int = 0,
         plugs: Sequence[Plug] = (), terminal: bool = False,
         ports: Mapping[str, Path] = {}, stdin: int | None = None, ram: Ram | None = None,
         resumed: bool = False, saved: int | None = None) -> CommandLine:
    """`slots`: the number of wires. `terminal`: the console is also our stdin and stdout. `ports`:
    more ports, each with its file. `stdin`: a socket that QEMU inherits, for the guest's command.
    Without an overlay the guest waits for one forever. `ram`: else QEMU's own memory. `resumed`: that
    memory has the kernel. `saved`: with so many wires, images/init makes the guest ready for
    it."""
    base = ["overlay", *(["stdin"] if config.reads else []), *PORTS]
    assert len(ports) + len(base) <= MAX_PORTS, "a guest would miss one of its ports"
    return [
        [config.qemu],
        ["-M", MACHINE, *ACCELERATORS[config.accel]],
        ["-smp", _cpus(config), "-m", f"{config.memory}M"],
        ["-nodefaults", "-no-reboot", "-display", "none"],
        *([] if resumed and not config.resets else _kernel(config, saved)),
        *(_wire_port(slot) for slot in range(slots)),
        ["-device", "virtio-serial-pci"],
        *([["-S", "-gdb", f"tcp:127.0.0.1:{config.gdb_port}"]] if config.gdb_port else []),
        *([list(config.extra)] if config.extra else []),
        *_memory(config, ram),
        *(plug.arguments() for plug in plugs),
        _console(folder / "console.log", terminal),
        _overlay(overlay),
        *([_port("stdin", "ringbuf" if stdin is None else f"socket,fd={stdin}")]
          if config.reads else []),
        *(_port(name, "file", file) for name, file in ports.items()),
        *(_port(name, "file", folder / file) for name, file in PORTS.items()),
    ]


def _kernel(config: VmConfig, saved: int | None) -> CommandLine:
    parameters = [*KERNEL_PARAMETERS, *(gdb.KERNEL_PARAMETERS if config.gdb_port else ()),
                  *config.append, *([] if saved is None else [f"saved={saved}"])]
    return [["-kernel", str(config.image.kernel)], ["-initrd", str(config.image.initramfs)],
            ["-append", " ".join(parameters)]]


def _cpus(config: VmConfig) -> str:
    """At least two possible CPUs: with one, QEMU emulates neither barriers nor atomic accesses,
    which the ring needs towards a device in another process."""
    possible = f",maxcpus={max(config.smp, 2)}" if config.accel in EMULATED else ""
    return f"{config.smp}{possible}"


def _memory(config: VmConfig, ram: Ram | None) -> CommandLine:
    if not ram and not config.shared_memory:
        return []
    kind = (f"file,mem-path={value(ram.path)},share={'on' if ram.written else 'off'}" if ram else
            "memfd,share=on")
    return [["-object", f"memory-backend-{kind},id=ram,size={config.memory}M",
             "-machine", "memory-backend=ram"]]


def flat(lines: CommandLine) -> list[str]:
    return [argument for group in lines for argument in group]


def _wire_port(slot: int) -> list[str]:
    return ["-device", f"pcie-root-port,id=port{slot},chassis={slot},addr={FIRST_WIRE + slot:#x},"
                       f"{RESERVE},io-reserve={4096 if slot < IO_PORTS else 0}"]


def _console(log: Path, terminal: bool) -> list[str]:
    if terminal:  # mux: Ctrl-a x ends QEMU; signal=off: Ctrl-C is the guest's
        back = f"stdio,id=console,mux=on,signal=off,logfile={value(log)}"
    else:
        back = f"file,id=console,path={value(log)}"
    return ["-chardev", back, "-serial", "chardev:console"]


def _overlay(path: Path | None) -> list[str]:
    """A "pipe" may be a plain file, which the guest reads once. A "ringbuf" stays open and silent;
    from a "null" the guest would read end-of-file at once."""
    return _port("overlay", "pipe", path) if path else _port("overlay", "ringbuf")


def overlay_again(path: Path) -> dict[str, object]:
    """The same as QMP has it, for a guest that boots again."""
    return {"type": "pipe", "data": {"device": str(path)}}


def _port(name: str, kind: str, path: Path | None = None) -> list[str]:
    place = f",path={value(path)}" if path else ""
    return ["-chardev", f"{kind},id={name}{place}",
            "-device", f"virtserialport,chardev={name},name=bellwire.{name}"]
