# SPDX-License-Identifier: BSD-3-Clause
"""boot-vm: boots the test VM, runs a command in it, and reports the outcome."""

import argparse
import os
import socket
import sys
import termios
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from harness import ktap
from harness.commands import boot_vm_options, command_line
from harness.commands.boot_vm_output import Output
from harness.core import messages, runs
from harness.core.places import HarnessError
from harness.image import guest_image
from harness.labs import wiring
from harness.labs.lab import Lab
from harness.nested import emulated_host, nested_lab
from harness.report import logs
from harness.vms import accel, qemu, toolbox
from harness.vms.qemu import VmConfig
from harness.vms.verdict import HIGHEST, REPORT_FAILED, Verdict
from harness.vms.vm import BOOT_LIMIT, Vm


def main(argv: Sequence[str]) -> int:
    command_line.exit_on_signals()
    return _run(boot_vm_options.parse(argv))


def _run(options: argparse.Namespace) -> int:
    terminal = options.shell or not options.command and sys.stdin.isatty() and sys.stdout.isatty()
    if not options.command and not terminal and not options.dry_run:
        raise HarnessError("no command: give one after --, or --shell on a terminal")
    config, version = _config(options)
    folder = runs.create()
    with nested_lab.make(config, folder, options.device, options.vectors, options.transport,
                         ("--poll", options.poll, "--moderate", str(options.moderate))) as lab:
        command, environment, extra_files = (
            emulated_host.pack_command(options.command) if options.outer
            else (options.command, {}, None))
        vm = lab.vm(command, environment, options.share, terminal, extra_files, options.module,
                    options.insmod)
        if options.dry_run:
            sys.stdout.write(os.fsdecode((folder / "qemu.sh").read_bytes()))
            return 0
        began = time.monotonic()
        lab.start()
        verdict = _interactive(lab, vm) if terminal else _command(lab, vm, options.timeout)
        vm.close()
    cases = _cases(vm)
    if not options.ignore_report:
        verdict = judged(verdict, cases)
    _report(lab, vm, verdict, cases)
    runs.write_result(
        folder, accel=config.accel, qemu=version, kernel=config.image.release,
        cpus=config.smp, boot_ms=vm.boot_ms, boots=vm.boots, resumed=vm.resumed,
        command=options.command, status=verdict.status, command_status=verdict.command_status,
        reason=verdict.reason, seconds=round(time.monotonic() - began, 3),
        complaints=[line for line, _ in _complaints(vm)],
        hangs=[line for line, _ in _reported(lab, vm, logs.hangs)],
        interruptions=[line for line, _ in _reported(lab, vm, logs.interruptions)],
        ktap=ktap.count(cases), transport=options.transport,
        devices=[{"name": device.name, "command": device.argv, "log": device.log.name,
                  "status": device.status} for device in lab.devices])
    return verdict.status


def _config(options: argparse.Namespace) -> tuple[VmConfig, str]:
    program = toolbox.chosen(options.qemu, options.transport)
    qemu.ask_version(program)
    config = VmConfig(
        guest_image.prepare(options.kernel), qemu=program, smp=options.smp, memory=options.memory,
        append=tuple(options.append), extra=tuple(options.qemu_arg),
        gdb_port=_free_port() if options.gdb else None, cold=options.cold,
        shared_memory=wiring.split(options.transport)[0].shared_memory)
    version = qemu.version(program)
    if options.outer:
        host = emulated_host.host(config)
        return replace(host, append=config.append, extra=config.extra), version
    return config.on(accel.choose(options.accel, config, version)), version


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _command(lab: Lab, vm: Vm, limit: float | None) -> Verdict:
    """Runs it and passes its output on as it comes."""
    if death := vm.boot(_patience(vm), lab.check):
        return death
    with Output(vm) as output:

        def stream() -> None:
            output.stream()
            lab.check()
            lab.check_logs()

        deadline = time.monotonic() + limit if limit else None
        verdict = vm.wait(limit, stream)
        vm.close()
        return output.finish(verdict, deadline)


def _interactive(lab: Lab, vm: Vm) -> Verdict:
    messages.say("a shell in the guest; leave it with exit, or with Ctrl-a x")
    with _terminal_kept():
        return vm.boot(_patience(vm), lab.check) or vm.wait(between=lab.check)


def _patience(vm: Vm) -> float | None:
    """How long a boot may take; with gdb there is no limit."""
    port = vm.config.gdb_port
    if port:
        messages.say(f"QEMU waits; type: gdb -ex 'target remote 127.0.0.1:{port}'")
    return None if port else BOOT_LIMIT


@contextmanager
def _terminal_kept() -> Iterator[None]:
    """QEMU makes the terminal raw, and does not restore it if it is killed."""
    kept = termios.tcgetattr(0) if os.isatty(0) else None
    try:
        yield
    finally:
        if kept:
            termios.tcsetattr(0, termios.TCSADRAIN, kept)


def _cases(vm: Vm) -> list[ktap.Case]:
    """The cases of the guest's test report; one that cannot be read is a failed case."""
    results = vm.results.path
    text = results.read_text(errors="replace") if results.exists() else ""
    unread = [ktap.Case("report", "fail", f"neither KTAP nor TAP: {results}")]
    return ktap.parse(text) or (unread if text.strip() else [])


def judged(verdict: Verdict, cases: Sequence[ktap.Case]) -> Verdict:
    """The verdict with the test report: a failed case turns status 0 into a failure."""
    failed = ktap.count(cases)["fail"]
    if verdict.status or not failed:
        return verdict
    reason = f"the command ended with 0, but {failed} of {len(cases)} tests in its report failed"
    return replace(verdict, status=REPORT_FAILED, reason=reason)


def _complaints(vm: Vm) -> list[tuple[str, Path]]:
    """Each line, and its log."""
    return [(line, log) for log in vm.consoles for line in logs.complaints(log)]


def _reported(lab: Lab, vm: Vm, find: Callable[[Path], list[str]]) -> list[tuple[str, Path]]:
    """What `find` finds in the logs of the devices and the command: each line, and its log."""
    logs = [*(device.log for device in lab.devices), vm.stderr.path]
    return [(line, log) for log in logs for line in find(log)]


def _report(lab: Lab, vm: Vm, verdict: Verdict, cases: Sequence[ktap.Case]) -> None:
    """Prints what the user should know beyond the command's own output."""
    for line, log in _complaints(vm):
        messages.say(f"the guest's kernel says: {line}; see {log}")
    for find in (logs.hangs, logs.interruptions):
        for line, log in _reported(lab, vm, find):
            messages.say(f"{line}; see {log}")
    for case in cases:
        if case.outcome == "fail":
            messages.say(f"failed: {case.name}{': ' * bool(case.reason)}{case.reason}")
    if verdict.status > HIGHEST or verdict.status != (verdict.command_status or 0):
        messages.say(verdict.reason)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
