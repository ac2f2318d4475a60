# SPDX-License-Identifier: BSD-3-Clause
"""boot-vm's command line, read and checked."""

import argparse
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from bellwire.commands import boot_vm_output, command_line
from bellwire.core import runs
from bellwire.core.places import HarnessError
from bellwire.image import kernel, overlay
from bellwire.image.modules import Own
from bellwire.image.overlay import Share
from bellwire.labs import extras, guest_faults, virtio, wiring
from bellwire.labs.served import Service
from bellwire.vms import accel, verdict

EPILOG = f"""\
exit status:
  0-{verdict.HIGHEST}  the command's own; a higher one becomes {verdict.HIGHEST}, and stderr says so
  {verdict.FOUND}      also: the command ended with 0, but its test report failed, broke off
         or cannot be read, a request hung, or the guest's kernel warned (see
         --lenient)
  {verdict.TIMEOUT}    the command still ran at its --timeout, or nobody had read its output
         by then
  {verdict.HARNESS}    boot-vm itself failed: a bad option, no QEMU, no kernel, a guest that
         hangs, a full disk, output that cannot be written
  {verdict.DEAD}    the guest died: it panicked, or QEMU ended

Only the command's output is on stdout; its errors and boot-vm's messages are on
stderr. In the guest, /dev/bellwire0 is the first --device, /dev/bellwire1 the
second; the first virtio disk is /dev/vda. Test reports (KTAP, TAP 13 or 14) go to
/run/bellwire/results. The guest's tools are busybox's: mke2fs without -t, no
mkfs.ext4.

The command is paused while it is {boot_vm_output.AHEAD >> 20} MiB ahead of the reader of its output.
build/runs keeps the logs of the newest {runs.KEPT} runs; build/runs/last is the last one.
"""


class _Parser(command_line.Parser):
    def error(self, message: str) -> NoReturn:
        raise HarnessError(f"{message}; see boot-vm --help")


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Raises HarnessError if an option is wrong."""
    own, command = _split(argv)
    options, unknown = _parser().parse_known_args(_joined(own))
    if unknown and not unknown[0].startswith("-"):
        raise HarnessError(f"'{unknown[0]}' is no option: put the guest's command behind --, as in "
                           f"boot-vm -- {unknown[0]}")
    if unknown:
        raise HarnessError(f"there is no option {unknown[0]}; see boot-vm --help")
    options.command = command
    if options.device == ["none"]:
        options.device = []
    _check(options)
    return options


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        "boot-vm", "Boots the test VM, with devices on its wires, and runs a command in it.",
        EPILOG, "%(prog)s [option...] [-- command...]")
    add = parser.add_argument
    add("--shell", action="store_true",
        help="open a shell on this terminal instead of running a command")
    add("--accel", choices=accel.CHOICES, default="auto",
        help="auto (default): KVM if it is proven to boot the kernel, else emulation; nested: KVM "
             "in an emulated host, on any machine")
    add("--outer", action="store_true",
        help="with --accel nested: run the command or the shell in the emulated host, which has "
             "/dev/kvm, QEMU, bellwire, and the programs that the command names by a path")
    add("--kernel", metavar="V", choices=kernel.VERSIONS, default=kernel.DEFAULT,
        help=f"Debian's kernel {' or '.join(kernel.VERSIONS)} (default: {kernel.DEFAULT})")
    add("--kernel-image", metavar="FILE", type=Path,
        help="a kernel of yours instead, a bzImage")
    add("--modules", metavar="DIR", type=Path,
        help="with --kernel-image: its lib/modules/RELEASE, whose link `build` leads to where it was "
             "built")
    add("--qemu", metavar="PATH", default="qemu-system-x86_64",
        help="the QEMU to run; toolbox: a newer one of Debian's, fetched once")
    add("--smp", metavar="N", type=_number(1, 64), default=1, help="CPUs (default: 1)")
    add("--memory", metavar="MIB", type=_number(96, 1 << 20), default=256,
        help="the guest's memory (default: 256)")
    add("--device", metavar="NAME", action="append",
        help="a device on wires of its own, such as echo or digest; a virtio device, driven by "
             f"Linux's own driver: {virtio.named()}; or a whole PCI device over vfio-user: "
             f"{', '.join(virtio.FUNCTIONS)}; repeatable; none: no device (default: echo; "
             "over vhost-user blk=64M)")
    add("--transport", metavar="T", default="ivshmem",
        help="how guest and devices are connected: ivshmem (default); "
             "vfio-user[,page=1][,msix=0][,packed=0][,virtio=1], which needs QEMU 10.1 and fetches one "
             "if missing; vhost-user[,packed=1][,server=1][,reconnect=1], for virtio devices, and for "
             "ring devices with QEMU 10.2 (`bell virtio --id 38`)")
    add("--poll", metavar="HOW", type=_poll, default="off",
        help="how the devices poll before they sleep: off (default), adaptive (while it pays), "
             "always, always=CPU; for the guest's side see `bell ring --poll`")
    add("--moderate", metavar="US", type=_number(0, 1_000_000), default=0,
        help="least time between two interrupts per queue, in microseconds; those in between are "
             "merged (default: 0)")
    add("--fault", metavar="PLAN", action="append", default=[],
        help="what goes wrong on purpose with each device's doorbells and interrupts, and with the "
             "guest, as in 'drop interrupt 1/1000; delay doorbell 50us..2ms; freeze guest every 2s "
             "50ms; seed 42' (docs/faults.md); repeatable")
    add("--restart", action="store_true",
        help="start a device again when it is killed, as by the plan's crash; over ivshmem")
    add("--drop", metavar="WIRE=N", type=_drop,
        help="each device loses its Nth doorbell (doorbell=N) or its Nth interrupt (interrupt=N), "
             "to see which side reports it; short for --fault 'drop doorbell N'")
    add("--record", metavar="DIR", type=Path,
        help="each device keeps all that crosses between it and the guest in DIR, as device-N.rec, for "
             "`bellwire replay` (docs/replay.md)")
    add("--vectors", metavar="N", type=_number(1, 32), default=wiring.VECTORS,
        help=f"doorbells and interrupts per device (default: {wiring.VECTORS})")
    add("--entries", metavar="N", type=_entries,
        help="entries of each ring, a power of two (default: 256)")
    add("--payload", metavar="KIB", type=_number(1, 1 << 20),
        help="payload of each queue, at least, in KiB (default: half of what the rings leave)")
    add("--module", metavar="NAME", action="append", default=[],
        help="load one of the kernel's own modules, with those it depends on; repeatable")
    add("--insmod", metavar="FILE.ko[:PARAMETERS]", type=Own.parse, action="append", default=[],
        help="load a module of yours, after what it needs of the kernel's; repeatable (scripts/kmod "
             "builds it)")
    add("--serve", metavar="COMMAND", action="append", default=[],
        help="a program of yours that serves a device over the --transport, at the path in place of "
             "{socket}; over vhost-user put what it is before it, as in 'blk=PROGRAM … {socket}', and "
             "with server=1 it connects there; repeatable; SIGUSR1 to boot-vm restarts them")
    add("--disk", metavar="FILE", action="append", type=Path, default=[],
        help="a disk that QEMU itself serves from FILE, which is raw unless it ends in .qcow2; "
             "repeatable")
    add("--net", choices=extras.NET_MODES,
        help="user: a network card of QEMU's own, whose router leads to this machine's network")
    add("--share", metavar="DIR[:NAME]", action="append", type=Share.parse, default=[],
        help="give the guest a copy of DIR, as /share, or with a name as /share/NAME; repeatable")
    add("--out", metavar="DIR", type=Path,
        help="what the guest has in /out comes back to DIR, also after a panic")
    add("--timeout", metavar="S", type=_seconds,
        help="how long the command may run, without the boot (default: 60; no limit with --shell "
             "or --gdb)")
    add("--lenient", action="store_true",
        help="exit with the command's own status, whatever else was found")
    add("--junit", metavar="FILE", type=Path, help="write what was found as JUnit has it")
    add("--json", metavar="FILE", type=Path, help="write all facts of the run, as result.json has them")
    add("--run-dir", metavar="DIR", type=Path,
        help="keep the run's logs in DIR, which is empty or made, instead of a folder in build/runs")
    add("--cold", action="store_true",
        help="boot the VM, instead of resuming an emulated one from a state that a run saved")
    add("--gdb", action="store_true",
        help="wait for gdb before the guest's first instruction, with a script for it that has the "
             "symbols of the kernel (fetched once, 300 MB), of the modules and of the program")
    add("--dry-run", action="store_true",
        help="print the commands that would start everything, and start nothing")
    add("--append", metavar="WORDS", action="append", default=[], help="more kernel parameters")
    add("--qemu-arg", metavar="ARG", action="append", default=[], help="one more argument for QEMU")
    return parser


def _split(argv: Sequence[str]) -> tuple[list[str], list[str]]:
    if "--" not in argv:
        return list(argv), []
    end = argv.index("--")
    return list(argv[:end]), list(argv[end + 1:])


def _joined(words: list[str]) -> list[str]:
    """argparse takes a value that begins with a dash only in the form --option=-value."""
    joined: list[str] = []
    for word in words:
        if joined and joined[-1] in ("--qemu-arg", "--append", "--qemu", "--share", "--disk",
                                     "--out", "--record"):
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined


def _poll(text: str) -> str:
    how, _, cpu = text.partition("=")
    if how not in ("off", "adaptive", "always") or "=" in text and not (
            how == "always" and cpu.isdecimal()):
        raise argparse.ArgumentTypeError(
            f"'{text}' is not one of off, adaptive, always, always=CPU")
    return text


def _drop(text: str) -> str:
    wire, _, number = text.partition("=")
    if wire not in ("doorbell", "interrupt") or not re.fullmatch("[1-9][0-9]{0,17}", number):
        raise argparse.ArgumentTypeError(f"'{text}' is not doorbell=N or interrupt=N, from 1 on")
    return text


def _number(low: int, high: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"'{text}' is not a number from {low} to {high}")
        return int(text)

    return number


def _entries(text: str) -> int:
    number = _number(8, 32768)(text)
    if number & (number - 1):
        raise argparse.ArgumentTypeError(f"'{text}' is not a power of two from 8 to 32768")
    return number


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if not 0 < seconds < 1e6:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of seconds above 0")
    return seconds


def _check(options: argparse.Namespace) -> None:
    sizes = [f"{size}={value}" for size in ("entries", "payload")
             if (value := getattr(options, size))]
    options.transport = ",".join([options.transport, *sizes])
    transport, _ = wiring.split(options.transport)
    if options.device is None:
        options.device = [] if options.outer or options.serve else [transport.default]
    if "none" in options.device:
        raise HarnessError(f"--device none excludes the {len(options.device) - 1} other --device")
    if options.shell and options.command:
        raise HarnessError("--shell excludes a command: give one of them")
    if sizes and not virtio.rings(options.device):
        raise HarnessError(f"--{sizes[0]}: no --device here has rings of ours: leave it out")
    of_devices = [guest_faults.split(plan).device for plan in options.fault]
    for name, given in (("drop", options.drop), ("fault", "; ".join(filter(None, of_devices)))):
        if given and not options.device:
            raise HarnessError(f"--{name} {given.strip(' ;')}: there is no --device that it could happen to; a "
                               f"program of --serve has its own --{name}, if bellwire::device_main "
                               "runs it")
    if options.record and (not options.device or options.accel == "nested"):
        raise HarnessError(f"--record '{options.record}': there is no --device here that could be "
                           "recorded; leave it out")
    virtio.check(options.transport, options.device)
    _check_nested(options)
    overlay.check_shares(options.share, options.memory)
    options.serve = [Service.parse(word, options.transport) for word in options.serve]
    if options.out and options.out.exists() and not options.out.is_dir():
        raise HarnessError(f"--out '{options.out}' is not a folder: name one, or one to be made")
    if bool(options.kernel_image) != bool(options.modules):
        raise HarnessError("--kernel-image and --modules belong together: give both")
    if options.timeout is None and not options.shell and not options.gdb:
        options.timeout = 60.0


def _check_nested(options: argparse.Namespace) -> None:
    if options.outer and options.accel != "nested":
        raise HarnessError("--outer needs --accel nested, which has the emulated host")
    here = [name for name in ("serve", "disk", "net", "out") if getattr(options, name)]
    if options.accel == "nested" and here:
        raise HarnessError(f"--{here[0]} does not reach the guest of an emulated host: leave it out, or "
                           "choose another --accel")
    files = [word for word in options.device if options.accel == "nested" and virtio.file(word)]
    if files:
        raise HarnessError(f"--device {files[0]}: an emulated host does not have that file; use a "
                           "disk of memory, such as blk=64M")
    unreachable = [name for name in ("shell", "gdb") if getattr(options, name)]
    if options.accel == "nested" and not options.outer and unreachable:
        raise HarnessError(f"--{unreachable[0]} cannot reach the guest of an emulated host: "
                           "add --outer for the host itself")
