# SPDX-License-Identifier: BSD-3-Clause
"""QEMU's command line for a test machine: what it is made of, and how it talks to us.

The guest's streams are virtio ports behind files that grow in the VM's folder;
its wires are ivshmem-doorbell devices on the switchboard's socket. The files
come last, so that the wires are connected when the `status` file is there.
"""

import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

from .image import Image
from .places import HarnessError

MACHINE = "q35,hpet=off,smbus=off,sata=off,vmport=off,i8042=off"
# cx16: QEMU 7.2 emulates it so that kernel 6.12 oopses now and then.
ACCELERATORS = {
    "tcg": ("-accel", "tcg", "-cpu", "qemu64,-cx16"),
    "kvm": ("-accel", "kvm", "-cpu", "host"),
}
# loglevel=5: warnings reach the console log, the chatter of a boot doesn't. tsc=reliable: on a
# busy host the watchdog would take an emulated TSC for unstable. The last two leave out tests of
# ciphers and the loading of keys, a sixth of an emulated boot.
KERNEL_PARAMETERS = ("console=ttyS0", "quiet", "loglevel=5", "tsc=reliable", "oops=panic",
                     "panic=-1", "cryptomgr.notests",
                     "initcall_blacklist=crypto_kdf108_init,load_system_certificate_list")
# The guest's port, and the file behind it; images/init has what they carry.
PORTS = {"stdout": "stdout", "stderr": "stderr", "results": "results.ktap", "status": "status"}
FIRST_WIRE = 0x08  # PCI slot of the first wire, so that /dev/bellwireN has their order
MAX_WIRES = 16


@dataclass(frozen=True)
class Machine:
    image: Image
    accel: str = "tcg"
    qemu: str = "qemu-system-x86_64"
    smp: int = 1
    memory: int = 256  # MiB
    append: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    gdb_port: int | None = None  # QEMU waits there for gdb

    def on(self, accel: str) -> "Machine":
        return replace(self, accel=accel)


@dataclass(frozen=True)
class Wires:
    """What a VM plugs into: that many slots of a switchboard."""

    socket: Path
    slots: int
    vectors: int


Line = list[list[str]]  # the arguments, grouped as a reader would


def version(program: str) -> str:
    """As it tells it: "7.2.22 (Debian …)"."""
    try:
        said = subprocess.run([program, "--version"], check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise HarnessError(f"QEMU '{program}' doesn't run: {error}") from None
    return said.stdout.split("\n")[0].removeprefix("QEMU emulator version ")


def line(machine: Machine, folder: Path, initramfs: Path, wires: Wires | None = None,
         terminal: bool = False) -> Line:
    """`terminal`: the console is our stdin and stdout, and not only a log."""
    parameters = [*KERNEL_PARAMETERS, *(["nokaslr"] if machine.gdb_port else []), *machine.append]
    return [
        [machine.qemu],
        ["-M", MACHINE, *ACCELERATORS[machine.accel]],
        ["-smp", str(machine.smp), "-m", f"{machine.memory}M"],
        ["-nodefaults", "-no-reboot", "-display", "none"],
        ["-kernel", str(machine.image.kernel)],
        ["-initrd", str(initramfs)],
        ["-append", " ".join(parameters)],
        *(_wires(wires) if wires else []),
        _console(folder / "console.log", terminal),
        ["-device", "virtio-serial-pci"],
        *(_port(name, folder / file) for name, file in PORTS.items()),
        *([["-S", "-gdb", f"tcp:127.0.0.1:{machine.gdb_port}"]] if machine.gdb_port else []),
        *([list(machine.extra)] if machine.extra else []),
    ]


def flat(lines: Line) -> list[str]:
    return [argument for group in lines for argument in group]


def _wires(wires: Wires) -> Line:
    return [
        ["-chardev", f"socket,id=wire{slot},path={_value(wires.socket)}", "-device",
         f"ivshmem-doorbell,chardev=wire{slot},vectors={wires.vectors},addr={FIRST_WIRE + slot:#x}"]
        for slot in range(wires.slots)
    ]


def _console(log: Path, terminal: bool) -> list[str]:
    if terminal:  # mux: Ctrl-a x ends QEMU; signal=off: Ctrl-C is the guest's
        back = f"stdio,id=console,mux=on,signal=off,logfile={_value(log)}"
    else:
        back = f"file,id=console,path={_value(log)}"
    return ["-chardev", back, "-serial", "chardev:console"]


def _port(name: str, path: Path) -> list[str]:
    return ["-chardev", f"file,id={name},path={_value(path)}",
            "-device", f"virtserialport,chardev={name},name=bellwire.{name}"]


def _value(path: Path) -> str:
    """In an option's value QEMU reads two commas as one."""
    return str(path).replace(",", ",,")
