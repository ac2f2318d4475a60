# SPDX-License-Identifier: BSD-3-Clause
"""Finds what devices, and processes in the guest, said of requests that did not get on.

In their logs: those are still there when a device was killed, or ran in an
emulated host. The sentence is that of vdev/ring/hang.hpp, in a line of its own.
Its end is the cause: a lost hop or a side that is stuck is a hang; a side that
was paused, gone or reset has lost nothing.
"""

import re
from pathlib import Path

_TOLD = re.compile(r"^(?:bellwire: warning: )?"
                   r"((?:\S+: queue \d+|bell): request \d+: .+ \d+\.\d s ago, [^:\n]+: .+)\n",
                   re.MULTILINE)
_HANG = re.compile(r": (?:lost|stuck) \w+$")


def told(log: Path) -> list[str]:
    """Requests that hung; each with who told it, in their order."""
    return [line for line in _lines(log) if _HANG.search(line)]


def interruptions(log: Path) -> list[str]:
    """Likewise requests that waited for a side that was paused, gone or reset."""
    return [line for line in _lines(log) if not _HANG.search(line)]


def _lines(log: Path) -> list[str]:
    try:
        return _TOLD.findall(log.read_text(errors="replace"))
    except FileNotFoundError:
        return []
