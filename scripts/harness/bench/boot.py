# SPDX-License-Identifier: BSD-3-Clause
"""From a command line to a guest's command and back, beside a QEMU that is told to do just that."""

import subprocess
import time
from collections.abc import Callable, Sequence

from .. import accel, kernel, prepare, qemu, run, toolbox
from ..places import ROOT, HarnessError
from ..qemu import Machine
from .suite import Figures, Ratio, Suite

BOOT_VM = ROOT / "scripts/boot-vm"
LIMIT = 120.0


def _time(argv: Sequence[str]) -> Figures:
    began = time.monotonic()
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=LIMIT)
    seconds = time.monotonic() - began
    if done.returncode:
        raise HarnessError(f"{argv[0]} ended with {done.returncode}: {done.stderr.strip()}")
    return {"seconds": seconds}


def _bare(machine: Machine, _: int) -> Figures:
    """The lines that boot-vm would run without any device, in a shell: QEMU alone."""
    lines = subprocess.run([BOOT_VM, "--cold", "--accel", machine.accel, "--device", "none",
                            "--dry-run", "--", "true"], check=True, capture_output=True, text=True)
    script = run.create() / "qemu.sh"
    script.write_text(lines.stdout)
    return _time(["sh", str(script)])


def _boot_vm(*options: str) -> Callable[[Machine, int], Figures]:
    return lambda machine, _: _time([str(BOOT_VM), "--accel", machine.accel, *options, "--",
                                     "true"])


def _machine() -> Machine:
    machine = Machine(prepare.everything(kernel.DEFAULT), qemu=toolbox.PROGRAM)
    machine = machine.on(accel.choose("auto", machine, qemu.version(machine.qemu)))
    _boot_vm()(machine, 0)  # so that there is a state to resume
    return machine


BARE, COLD, WARM = "bare QEMU line", "boot-vm --cold -- true", "boot-vm -- true"
BOOT = Suite(
    what="a VM, its device and its module, from boot-vm's start to its end",
    machine=_machine,
    ways={BARE: _bare, COLD: _boot_vm("--cold"), WARM: _boot_vm()},
    columns={"seconds": "seconds, to the end"},
    ratios=(
        Ratio("cold / bare", "seconds", COLD, BARE, 1.15),
        Ratio("warm / bare", "seconds", WARM, BARE, 0.25),
    ))
