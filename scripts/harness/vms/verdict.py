# SPDX-License-Identifier: BSD-3-Clause
"""How a VM ended, and the exit statuses of boot-vm that say so."""

from dataclasses import dataclass

TIMEOUT, HARNESS, DEAD = 124, 125, 255
HIGHEST = 123  # what a command's own status is cut to
REPORT_FAILED = 1  # of a command that ended with 0, but whose test report failed


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
