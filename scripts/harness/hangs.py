# SPDX-License-Identifier: BSD-3-Clause
"""Finds what devices, and processes in the guest, said of requests that hang.

In their logs: those are still there when a device was killed, or ran in an
emulated host. The sentence is that of vdev/ring/hang.hpp, in a line of its own.
"""

import re
from pathlib import Path

_TOLD = re.compile(r"^(?:bellwire: warning: )?"
                   r"((?:\S+: queue \d+|bell): request \d+: .+ \d+\.\d s ago, .+)\n",
                   re.MULTILINE)


def told(log: Path) -> list[str]:
    """Each with who told it, in their order."""
    try:
        return _TOLD.findall(log.read_text(errors="replace"))
    except FileNotFoundError:
        return []
