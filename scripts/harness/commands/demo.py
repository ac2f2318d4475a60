# SPDX-License-Identifier: BSD-3-Clause
"""Shows in one VM, in a minute, what bellwire is.

A process in the guest rings a device on the host and is rung back: five rings
step by step, then many with each of the module's workers, then many more while
the device is killed and started again. The guest checks every completion.
"""

import argparse
import json
import random
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from harness import ktap
from harness.commands import command_line
from harness.core import messages, runs
from harness.core.growing import LineReader
from harness.core.places import HarnessError, replace_file
from harness.image import guest_image, kernel
from harness.labs.lab import Lab
from harness.labs.processes import Recorder
from harness.report import logs
from harness.report.figures import Column, TextTable
from harness.vms import accel, qemu, toolbox
from harness.vms.qemu import VmConfig
from harness.vms.vm import Vm

PICTURES = {
    "ivshmem": """\
 guest                                                                     host
 process ──kick eventfd──▶ module ──doorbell──▶ QEMU ──ioeventfd──▶ device "echo", C++
 process ◀──call eventfd── module ◀────MSI-X─── QEMU ◀───────irqfd─ device "echo", C++
    └─────────── shared memory: requests and completions, with their payload ───────┘
""",
    "vfio-user": """\
 guest                                                                     host
 process ──kick eventfd──▶ module ──register──▶ QEMU ──vfio-user──▶ device "echo", C++
 process ◀──call eventfd── module ◀────MSI-X─── QEMU ◀─────eventfd─ device "echo", C++
    └─────────── the guest's memory: requests and completions, with payload ────────┘
""",
}
# The figures of a run: bell's names for them, and their columns.
COLUMNS = {
    "worker": Column("worker", 8, left=True), "kick": Column("kick", 7, left=True),
    "wait": Column("wait", 4, left=True), "depth": Column("depth", 5), "rings": Column("rings", 7),
    "completions": Column("answers", 7), "lost": Column("lost", 4),
    "duplicated": Column("twice", 5), "corrupted": Column("wrong", 5),
    "doorbells": Column("doorbells", 9), "interrupts": Column("interrupts", 10),
    "p50_us": Column("p50 µs", 7, decimals=1), "p99_us": Column("p99 µs", 7, decimals=1),
    "per_second": Column("per s", 7),
}
TABLE = TextTable(tuple(COLUMNS.values()))
DEEP = 64  # requests under way in the deep runs,
MORE = 10  # which have so many times the rings
# QEMU never connects again to a device that it has whole.
RESTARTS = {"ivshmem": 5, "vfio-user": 0}
TRACED = 10_000  # requests of the deep runs that a trace has; it has all that come before
RUNS = 6  # three workers at two depths
LIMIT = 600.0  # seconds for the guest's whole command: a bound, not a goal


def main(argv: Sequence[str]) -> int:
    options = _options(argv)
    command_line.exit_on_signals()
    return _show(options)


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = command_line.parser("demo", __doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to FILE")
    parser.add_argument("--trace", type=Path, metavar="FILE",
                        help="record the first requests in FILE, for `bellwire trace`")
    parser.add_argument("--count", type=int, default=10_000, metavar="N",
                        help="rings per run (default: 10000); the deep runs have 10 times as many")
    parser.add_argument("--qemu", metavar="PATH", default=toolbox.PROGRAM,
                        help="the QEMU to run, as in boot-vm")
    parser.add_argument("--transport", choices=PICTURES, default="ivshmem",
                        help="how guest and device are connected (default: ivshmem)")
    options = parser.parse_args(argv)
    command_line.check_number(parser, options, "count", 1, 10_000_000)
    command_line.check_folders(parser, options, "json", "trace")
    return options


def _show(options: argparse.Namespace) -> int:
    print("bellwire: a guest's process rings a device on the host, and is rung back\n")
    print(PICTURES[options.transport], flush=True)
    program = toolbox.chosen(options.qemu, options.transport)
    config = VmConfig(guest_image.prepare(kernel.DEFAULT), qemu=program,
                      shared_memory=options.transport == "vfio-user")
    version = qemu.version(config.qemu)
    config = config.on(accel.choose("auto", config, version))
    folder = runs.create()
    with Lab(config, folder, transport=options.transport) as lab:
        lab.start()
        recorder = _recorder(options, lab, version)
        vm = lab.vm(["sh", "-c", _guest_script(options.count, RESTARTS[options.transport])])
        if death := vm.boot(watch=lab.check):
            raise HarnessError(death.reason)
        print(f"QEMU {version}, {config.accel.upper()}, kernel {config.image.release}, "
              f"{config.smp} CPU; the guest was {'resumed' if vm.resumed else 'up'} after "
              f"{vm.boot_ms / 1000:.1f} s\n")
        show = _Show(lab, vm, RESTARTS[options.transport])
        verdict = vm.wait(LIMIT, show.follow)
        if recorder:
            recorder.stop()
    facts = {
        "accel": config.accel, "qemu": version, "kernel": config.image.release,
        "transport": options.transport, "cpus": config.smp, "boot_ms": vm.boot_ms,
        "runs": [{key: figures[key] for key in COLUMNS} for figures in show.figures[:RUNS]],
        "restarts": show.restarts(), "lost_over_restarts": show.lost_over_restarts(),
    }
    runs.write_result(folder, **facts)
    if options.json:
        replace_file(options.json, json.dumps(facts, indent=2) + "\n")
    troubles = show.troubles() + logs.complaints(vm.console)
    if verdict.status and not troubles:
        troubles = [verdict.reason]
    status = _close(show, troubles, folder)
    if recorder:
        print(f"To see each hop of the first requests: bellwire trace show {options.trace}")
    return status


def _recorder(options: argparse.Namespace, lab: Lab, version: str) -> Recorder | None:
    """A recorder that has started, if one is wanted."""
    if not options.trace:
        return None
    config = lab.config
    facts = {"accelerator": config.accel, "qemu": version, "guest_kernel": config.image.release}
    recorder = Recorder(lab.devices[0], options.trace, facts, RUNS // 2 * options.count + TRACED)
    recorder.start()
    return recorder


def _guest_script(count: int, restarts: int) -> str:
    results = ">/run/bellwire/results"
    return "; ".join([
        "status=0",
        "bell ring --steps 5 || status=1",
        f"bell ring --ktap --worker all --count {count} {results} || status=1",
        f"bell ring --ktap --worker all --count {count * MORE} --depth {DEEP} {results} || status=1",
        *([f"bell ring --ktap --until-restarts {restarts} --depth {DEEP} {results} || status=1"]
          if restarts else []),
        "exit $status"])


class _Show:
    """Prints the guest's output as it arrives, and kills the device in between."""

    def __init__(self, lab: Lab, vm: Vm, restarts: int) -> None:
        self._lab, self._vm = lab, vm
        self._restarts = restarts  # those that are wanted, in a run of their own
        self._stdout, self._results = LineReader(), LineReader()
        self._text = ""  # the results so far
        self._kills = 0
        self._next_kill = 0.0
        self.figures: list[dict[str, Any]] = []
        print("Five rings, step by step")

    def follow(self) -> None:
        """Call it repeatedly while the guest runs."""
        sys.stdout.write(self._stdout.text(self._vm.stdout.read()))
        messages.to_stderr(self._vm.stderr.read())
        for line in self._results.lines(self._vm.results.read()):
            self._text += f"{line}\n"
            self._show_line(line)
        sys.stdout.flush()
        self._lab.check_logs()
        if self._kills_due():
            self._restart_device()

    def troubles(self) -> list[str]:
        """One line per fault of the results."""
        cases = ktap.parse(self._text)
        bad = [f"{case.name}: {case.reason}" for case in cases if case.outcome != "pass"]
        runs = RUNS + (1 if self._restarts else 0)
        if len(cases) < runs and not bad:
            bad.append(f"{len(cases)} of {runs} runs reported")
        if self._kills != self._restarts:
            bad.append(f"the device was restarted {self._kills} times, not {self._restarts}")
        return bad

    def restarts(self) -> int:
        return self._kills

    def lost_over_restarts(self) -> int | None:
        if len(self.figures) <= RUNS:
            return None
        last = self.figures[-1]
        return int(last["lost"] + last["rings"] - last["completions"])

    def _show_line(self, line: str) -> None:
        if line.startswith("KTAP") and not self.figures:
            print(f"\nMany rings: one at a time, then up to 64 under way\n{TABLE.heading()}")
        elif line.startswith("# {"):
            self.figures.append(json.loads(line.removeprefix("# ")))
            if len(self.figures) <= RUNS:
                print(TABLE.row([self.figures[-1][key] for key in COLUMNS]))
        elif line == "1..1" and len(self.figures) == RUNS and self._restarts:
            print("\nThe device is killed by SIGKILL in full traffic, and started again")
            self._plan_kill()

    def _kills_due(self) -> bool:
        return bool(self._next_kill) and time.monotonic() > self._next_kill

    def _plan_kill(self) -> None:
        more = self._kills < self._restarts
        self._next_kill = time.monotonic() + random.uniform(0.1, 0.3) if more else 0.0

    def _restart_device(self) -> None:
        device = self._lab.devices[0]
        old = device.pid
        device.kill()
        device.start()
        self._kills += 1
        print(f"  killed process {old}, started {device.pid}")
        self._plan_kill()


def _close(show: _Show, troubles: list[str], folder: Path) -> int:
    if troubles:
        print(f"\nSomething went wrong; the logs are in {folder}", file=sys.stderr)
        for trouble in troubles:
            print(f"  {trouble}", file=sys.stderr)
        return 1
    if show.restarts():
        print(f"  {show.figures[-1]['rings']:,} requests over {show.restarts()} restarts, each "
              "completed exactly once, in order")
    print()
    total = sum(figures["completions"] for figures in show.figures)
    print(f"All is well: {total:,} rings, none lost, none duplicated, every answer correct. "
          f"Logs: {messages.plain(str(_from_here(folder)))}")
    return 0


def _from_here(folder: Path) -> Path:
    """The path, relative to the current folder if it is in it."""
    with suppress(OSError, ValueError):  # the current folder may be removed, or elsewhere
        return folder.relative_to(Path.cwd())
    return folder


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
