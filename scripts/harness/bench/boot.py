# SPDX-License-Identifier: BSD-3-Clause
"""The time from boot-vm's start to its end, beside that of a bare QEMU command line."""

import subprocess
import time
from collections.abc import Callable, Sequence

from bellwire.bench.suite import Figures, Ratio, Suite
from bellwire.core import runs
from bellwire.core.children import Child, describe
from bellwire.core.places import ROOT, HarnessError
from bellwire.image import guest_image, kernel
from bellwire.report.logs import last_line
from bellwire.vms import accel, qemu, toolbox
from bellwire.vms.qemu import VmConfig

BOOT_VM = ROOT / "scripts/boot-vm"
LIMIT = 120.0


def time_run(argv: Sequence[str], limit: float = LIMIT) -> Figures:
    """How long it takes. At the limit it is killed, with the QEMU that it started."""
    log = runs.create() / "timed.log"
    began = time.monotonic()
    child = Child(argv, log)
    try:
        ended = child.ends_within(limit)
        seconds = time.monotonic() - began
    finally:
        child.kill()
    if not ended:
        raise HarnessError(f"{argv[0]} still ran after {limit:g} s; its log: {log}")
    if child.status:
        raise HarnessError(f"{argv[0]} {describe(child.status)}: {last_line(log)}; its log: {log}")
    return {"seconds": seconds}


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


def _config() -> VmConfig:
    config = VmConfig(guest_image.prepare(kernel.DEFAULT), qemu=toolbox.PROGRAM)
    config = config.on(accel.choose("auto", config, qemu.version(config.qemu)))
    _boot_vm()(config, 0)  # so that a state exists
    return config


BARE, COLD, WARM = "bare QEMU line", "boot-vm --cold -- true", "boot-vm -- true"
BOOT = Suite(
    what="a VM, its device and its module, from boot-vm's start to its end",
    config=_config,
    ways={BARE: _bare, COLD: _boot_vm("--cold"), WARM: _boot_vm()},
    columns={"seconds": "seconds, to the end"},
    ratios=(
        Ratio("cold / bare", "seconds", COLD, BARE, 1.15),
        Ratio("warm / bare", "seconds", WARM, BARE, 0.25),
    ))
