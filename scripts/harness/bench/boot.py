# SPDX-License-Identifier: BSD-3-Clause
"""The time from boot-vm's start to its end, beside that of a bare QEMU command line; of several at a
time, beside one; and of a script that finds nothing to do."""

import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from bellwire.bench.suite import Figures, Ratio, Suite
from bellwire.core import runs
from bellwire.core.children import Child, describe
from bellwire.core.places import PROGRAM, ROOT, HarnessError
from bellwire.image import guest_image, kernel
from bellwire.report.figures import median
from bellwire.report.logs import last_line
from bellwire.vms import accel, qemu, toolbox
from bellwire.vms.qemu import VmConfig

BOOT_VM = ROOT / "scripts/boot-vm"
LIMIT = 120.0
SEVERAL = 8  # VMs at a time,
RINGS = 1000  # with so many rings each
RUNG = "all is rung"
TRIES = 9  # of what takes milliseconds


def time_run(argv: Sequence[str], limit: float = LIMIT, number: int = 1) -> Figures:
    """How long it takes, or so many at once. At the limit it is killed, with the QEMU that it started."""
    folder = runs.create()
    logs = [folder / f"timed{number}.log" for number in range(number)]
    began = time.monotonic()
    with ExitStack() as ending:
        children = [Child(argv, log) for log in logs]
        for child in children:
            ending.callback(child.kill)
        ended = all([child.ends_within(max(began + limit - time.monotonic(), 0)) for child in children])
        seconds = time.monotonic() - began
    for child, log in zip(children, logs):
        if not ended:
            raise HarnessError(f"{argv[0]} still ran after {limit:g} s; its log: {log}")
        if child.status:
            raise HarnessError(f"{argv[0]} {describe(child.status)}: {last_line(log)}; its log: {log}")
    return {"seconds": seconds}


def memory(argv: Sequence[str], number: int) -> float:
    """The MiB that so many at once take with all that they started, once each has said RUNG. What some of
    them have in common counts once."""
    folder = runs.create()
    children = []
    with ExitStack() as ending:
        for each in range(number):
            children.append(Child(argv, folder / f"{each}.log"))
            ending.callback(children[-1].stop)
        deadline = time.monotonic() + LIMIT
        while not all(RUNG in child.log.read_text(errors="replace") for child in children):
            ended = [child for child in children if child.status is not None]
            if ended or time.monotonic() > deadline:
                log = (ended or children)[0].log
                raise HarnessError(f"{argv[0]} never said '{RUNG}': {last_line(log)}; its log: {log}")
            time.sleep(0.02)
        resident = sum(_resident(child.pid) for child in children)
    return resident / 1024


def _resident(pid: int) -> int:
    """The KiB of a process and of those that it started."""
    process = Path(f"/proc/{pid}")
    rollup = (process / "smaps_rollup").read_text()
    started = " ".join(task.read_text() for task in process.glob("task/*/children"))
    return int(rollup.partition("\nPss:")[2].split()[0]) + sum(map(_resident, map(int, started.split())))


def _bare(config: VmConfig, _: int) -> Figures:
    """The commands that boot-vm would run without any device, in a shell: QEMU alone."""
    lines = subprocess.run([BOOT_VM, "--cold", "--accel", config.accel, "--device", "none",
                            "--dry-run", "--", "true"], capture_output=True, text=True)
    if lines.returncode:
        raise HarnessError(f"boot-vm --dry-run ended with {lines.returncode}: {lines.stderr}")
    script = runs.create() / "qemu.sh"
    script.write_text(lines.stdout)
    return time_run(["sh", str(script)])


def _boot_vm(*options: str) -> Callable[[VmConfig, int], Figures]:
    return lambda config, _: time_run([str(BOOT_VM), "--accel", config.accel, *options, "--",
                                       "true"])


def _ring(config: VmConfig, and_then: str = "") -> list[str]:
    ring = f"bell ring --count {RINGS} >&2{and_then}"
    return [str(BOOT_VM), "--accel", config.accel, "--", "sh", "-c", ring]


def _several(config: VmConfig, _: int) -> Figures:
    waiting = _ring(config, f" && echo {RUNG} && sleep {LIMIT:g}")
    more = (memory(waiting, SEVERAL) - memory(waiting, 1)) / (SEVERAL - 1)
    return time_run(_ring(config), number=SEVERAL) | {"more": more}


def _quick(*argv: str | Path) -> Callable[[VmConfig, int], Figures]:
    def once() -> float:
        began = time.monotonic()
        subprocess.run(argv, stdout=subprocess.DEVNULL, check=True)
        return time.monotonic() - began

    return lambda config, _: {"seconds": median(once() for _ in range(TRIES))}


def _config() -> VmConfig:
    config = VmConfig(guest_image.prepare(kernel.DEFAULT), qemu=toolbox.PROGRAM)
    config = config.on(accel.choose("auto", config, qemu.version(config.qemu)))
    _boot_vm()(config, 0)  # so that a state exists, and that it is known what is built
    _quick(SCRIPT, "--version")(config, 0)
    return config


SCRIPT = ROOT / "scripts/bellwire"
BARE, COLD, WARM = "bare QEMU line", "boot-vm --cold -- true", "boot-vm -- true"
ONE, SIDE = f"boot-vm, {RINGS:,} rings", f"{SEVERAL} side by side"
CHECKED, PROGRAM_ALONE = "scripts/bellwire --version", "the program alone"
BOOT = Suite(
    what="a VM, its device and its module, from boot-vm's start to its end",
    config=_config,
    ways={BARE: _bare, COLD: _boot_vm("--cold"), WARM: _boot_vm(),
          ONE: lambda config, _: time_run(_ring(config)), SIDE: _several,
          CHECKED: _quick(SCRIPT, "--version"), PROGRAM_ALONE: _quick(PROGRAM, "--version")},
    columns={"seconds": "seconds, to the end", "more": "MiB of each more"},
    ratios=(
        Ratio("cold / bare", "seconds", COLD, BARE, 1.15),
        Ratio("warm / bare", "seconds", WARM, BARE, 0.12),
        Ratio(f"{SEVERAL} VMs side by side / one", "seconds", SIDE, ONE, 5),
        Ratio(f"{SEVERAL} VMs side by side: MiB of each after the first", "more", SIDE, None, 56),
        Ratio(f"{CHECKED}: seconds", "seconds", CHECKED, None, 0.04),
        Ratio(f"{CHECKED} / {PROGRAM_ALONE}", "seconds", CHECKED,
              PROGRAM_ALONE, None),
    ))
