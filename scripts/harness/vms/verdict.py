# SPDX-License-Identifier: BSD-3-Clause
"""How a VM ended, and the exit statuses of boot-vm that say so."""

from dataclasses import dataclass
from pathlib import Path

from bellwire.core.children import describe
from bellwire.core.places import HarnessError
from bellwire.report import logs

TIMEOUT, HARNESS, DEAD = 124, 125, 255
HIGHEST = 123  # what a command's own status is cut to
FOUND = 1  # something wrong was found in a run whose command ended with 0


@dataclass(frozen=True)
class Verdict:
    """How it ended: `status` is what boot-vm exits with, `reason` says why in one line."""

    status: int
    reason: str
    command_status: int | None = None


def of_command(status: int) -> Verdict:
    if status <= HIGHEST:
        return Verdict(status, f"the command ended with {status}", status)
    return Verdict(HIGHEST, f"the command ended with {status}, reported as {HIGHEST}", status)


def of_death(status: int, console: Path, qemu_log: Path) -> Verdict:
    """When QEMU ended with `status` before the guest's command did. Raises if it refused to run."""
    if panic := logs.panic(console):
        return Verdict(DEAD, f"the guest panicked: {panic}; its console: {console}")
    if status == 1:  # QEMU's status if it refuses an option
        raise HarnessError(f"QEMU refused: {logs.last_line(qemu_log) or 'it printed no reason'}")
    return Verdict(DEAD, f"the guest died, QEMU {describe(status)}; its console: {console}")
