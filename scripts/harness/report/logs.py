# SPDX-License-Identifier: BSD-3-Clause
"""What logs say: what a kernel complains about, and which requests hung or had to wait.

A kernel's complaints are in its console log. Hangs are reported by devices and by processes in
the guest; their logs survive a device that was killed or that ran in an emulated host. The
sentence is that of vdev/ring/hang.hpp, in a line of its own, and ends with the cause: a lost hop
or a stuck side is a hang; a side that was paused, gone or reset has lost nothing.
"""

import re
from pathlib import Path

_STAMP = re.compile(r"^\[ *\d+\.\d+\] *(\[[^]]*\] *)?")
_PANIC = re.compile(r"Kernel panic - not syncing: (.*)")
_COMPLAINT = re.compile(
    r"WARNING: |BUG: |BUG at |Oops: |general protection fault|stack segment:"
    r"|UBSAN: |KASAN: |INFO: task .* blocked|rcu: INFO: .* stall|possible recursive locking"
    r"|possible circular locking|refcount_t: |list_(add|del) corruption|soft lockup")
_REQUEST = re.compile(r"^(?:bellwire: warning: )?"
                      r"((?:\S+: queue \d+|bell): request \d+: .+ \d+\.\d s ago, [^:\n]+: .+)\n",
                      re.MULTILINE)
_HANG = re.compile(r": (?:lost|stuck) \w+$")


def complaints(log: Path) -> list[str]:
    """The first line of each warning, bug or oops, in their order."""
    return [line for line in _messages(log) if _COMPLAINT.search(line)]


def panic(log: Path) -> str | None:
    """Why the kernel panicked, if it did."""
    return next((found[1] for line in _messages(log) if (found := _PANIC.search(line))), None)


def hangs(log: Path) -> list[str]:
    """A line for each request that hung, beginning with the side that reports it."""
    return [line for line in _requests(log) if _HANG.search(line)]


def interruptions(log: Path) -> list[str]:
    """A line for each request that waited for a side that was paused, gone or reset."""
    return [line for line in _requests(log) if not _HANG.search(line)]


def last_line(log: Path) -> str:
    """The last line that is not empty; "" if there is none."""
    return next((line.strip() for line in reversed(_text(log).split("\n")) if line.strip()), "")


def _messages(log: Path) -> list[str]:
    return [_STAMP.sub("", line).strip() for line in _text(log).splitlines()]


def _requests(log: Path) -> list[str]:
    return _REQUEST.findall(_text(log))


def _text(log: Path) -> str:
    try:
        return log.read_text(errors="replace")
    except OSError:
        return ""
