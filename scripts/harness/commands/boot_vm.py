# SPDX-License-Identifier: BSD-3-Clause
"""boot-vm: boots the test VM, runs a command in it, and reports the outcome."""

import argparse
import json
import os
import shlex
import signal
import socket
import sys
import termios
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from threading import Event

from bellwire.commands import boot_vm_gdb, boot_vm_options, command_line
from bellwire.commands.boot_vm_output import Output
from bellwire.commands.boot_vm_report import Report
from bellwire.core import messages, runs
from bellwire.core.places import HarnessError, write
from bellwire.core.stdio import Source
from bellwire.image import guest_image, kernel, own_kernel
from bellwire.image.kernel import Kernel
from bellwire.labs import extras, guest_faults, virtio, wiring
from bellwire.labs.extras import Extra, OutFolder
from bellwire.labs.lab import Lab
from bellwire.nested import emulated_host, nested_lab
from bellwire.report import results
from bellwire.vms import accel, qemu, toolbox
from bellwire.vms.qemu import VmConfig
from bellwire.vms.verdict import HARNESS, Verdict
from bellwire.vms.vm import BOOT_LIMIT, Vm


def main(argv: Sequence[str]) -> int:
    command_line.exit_on_signals()
    return _run(boot_vm_options.parse(argv))


def _run(options: argparse.Namespace) -> int:
    terminal = _on_terminal(options)
    if options.shell and not terminal:
        options.command = ["sh"]
    if not options.command and not terminal and not options.dry_run:
        raise HarnessError("no command: give one after --, or --shell on a terminal")
    config, version = _config(options)
    folder = runs.make(options.run_dir) if options.run_dir else runs.create()
    source = Source() if Source.there() and not terminal and config.reads else None
    out = OutFolder(options.out.absolute(), folder) if options.out else None
    with ExitStack() as ending:
        lab = nested_lab.make(
            config, folder, options.device, options.vectors, options.transport,
            ("--poll", options.poll, "--moderate", str(options.moderate),
             *(("--drop", options.drop) if options.drop else ())),
            options.serve, _extras(options, out), faults=options.fault)
        if out and not options.dry_run:
            ending.callback(out.fetch)
        ending.enter_context(lab)
        if options.record:
            lab.record(options.record)
        if options.restart:
            lab.supervise()
        command, environment, extra_files = (
            emulated_host.pack_command(options.command) if options.outer
            else (options.command, {}, None))
        vm = lab.vm(command, environment, options.share, terminal, extra_files, options.module,
                    options.insmod, source.peer if source else None)
        if options.dry_run:
            sys.stdout.write(os.fsdecode((folder / "qemu.sh").read_bytes()))
            return 0
        if options.gdb:
            boot_vm_gdb.write_script(vm, _kernel(options), options)
        began = time.monotonic()
        verdict = _live(lab, vm, options, terminal, source)
    report = Report(lab, vm, verdict, options.lenient)
    report.show()
    facts: dict[str, object] = dict(
        accel=config.accel, qemu=version, kernel=config.image.release, cpus=config.smp,
        command=options.command, transport=options.transport,
        seconds=round(time.monotonic() - began, 3), **report.facts())
    _write(facts, report, options)
    return HARNESS if out and not out.came_back and not report.verdict.status \
        else report.verdict.status


def _live(lab: Lab, vm: Vm, options: argparse.Namespace, terminal: bool, source: Source | None
          ) -> Verdict:
    """From the start of the devices to the end of the VM."""
    with _restarts_wanted() as wanted:
        lab.start()

        def watch() -> None:
            if wanted.is_set() and vm.ready:
                wanted.clear()
                lab.restart_programs(vm)
            lab.check()

        verdict = (_interactive(vm, watch) if terminal else
                   _command(lab, vm, options.timeout, watch, source))
        vm.close()
        return verdict


def _write(facts: Mapping[str, object], report: Report, options: argparse.Namespace) -> None:
    runs.write_result(report.folder, facts)
    if options.json:
        write(options.json, json.dumps(facts, indent=2) + "\n")
    if options.junit:
        results.write(options.junit, report.junit())


def _extras(options: argparse.Namespace, out: OutFolder | None) -> list[Extra]:
    return [*(extras.disk(file, number) for number, file in enumerate(options.disk)),
            *([extras.network()] if options.net else []), *([out.extra()] if out else [])]


def _on_terminal(options: argparse.Namespace) -> bool:
    """Whether the guest's console is our terminal. A shell without one reads its input."""
    here = sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()
    return here and (options.shell or not options.command)


def _config(options: argparse.Namespace) -> tuple[VmConfig, str]:
    program = toolbox.chosen(options.qemu, options.transport, virtio.rings(options.device))
    config = VmConfig(
        guest_image.prepare(_kernel(options)), qemu=program, smp=options.smp, memory=options.memory,
        append=tuple(options.append), extra=tuple(options.qemu_arg),
        gdb_port=_free_port() if options.gdb else None, cold=options.cold,
        shared_memory=wiring.split(options.transport)[0].shared_memory,
        resets=guest_faults.resets(options.fault))
    version = qemu.version(program)
    if options.outer:
        host = emulated_host.host(config)
        return replace(host, append=config.append, extra=config.extra, outer=True), version
    return config.on(accel.choose(options.accel, config, version)), version


def _kernel(options: argparse.Namespace) -> Kernel:
    return own_kernel.find(options.kernel_image, options.modules) if options.kernel_image \
        else kernel.get(options.kernel)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _command(lab: Lab, vm: Vm, limit: float | None, watch: Callable[[], None],
             source: Source | None) -> Verdict:
    """Runs it, and passes its input and its output on as they come."""
    if death := vm.boot(_patience(vm), watch):
        return death
    if source:
        source.start()
    with Output(vm) as output:

        def stream() -> None:
            output.stream()
            watch()
            lab.check_logs()

        deadline = time.monotonic() + limit if limit else None
        verdict = vm.wait(limit, stream)
        vm.close()
        return output.finish(verdict, deadline)


@contextmanager
def _restarts_wanted() -> Iterator[Event]:
    """Set by SIGUSR1."""
    wanted = Event()
    kept = signal.signal(signal.SIGUSR1, lambda *_: wanted.set())
    try:
        yield wanted
    finally:
        signal.signal(signal.SIGUSR1, kept)


def _interactive(vm: Vm, watch: Callable[[], None]) -> Verdict:
    messages.say("a shell in the guest; leave it with exit, or with Ctrl-a x")
    with _terminal_kept():
        return vm.boot(_patience(vm), watch) or vm.wait(between=watch)


def _patience(vm: Vm) -> float | None:
    """How long a boot may take; with gdb there is no limit."""
    if not vm.config.gdb_port:
        return BOOT_LIMIT
    messages.say("QEMU waits; type, elsewhere: gdb -x "
                 f"{shlex.quote(str(vm.folder / boot_vm_gdb.SCRIPT))}")
    return None


@contextmanager
def _terminal_kept() -> Iterator[None]:
    """QEMU makes the terminal raw, and does not restore it if it is killed."""
    kept = termios.tcgetattr(0) if os.isatty(0) else None
    try:
        yield
    finally:
        if kept:
            termios.tcsetattr(0, termios.TCSADRAIN, kept)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
