# SPDX-License-Identifier: BSD-3-Clause
"""Finds what a kernel complains about in its console log."""

import re
from pathlib import Path

_STAMP = re.compile(r"^\[ *\d+\.\d+\] *(\[[^]]*\] *)?")
_PANIC = re.compile(r"Kernel panic - not syncing: (.*)")
_COMPLAINT = re.compile(
    r"WARNING: |BUG: |BUG at |Oops: |general protection fault|stack segment:"
    r"|UBSAN: |KASAN: |INFO: task .* blocked|rcu: INFO: .* stall|possible recursive locking"
    r"|possible circular locking|refcount_t: |list_(add|del) corruption|soft lockup")


def complaints(log: Path) -> list[str]:
    """The lines with which a warning, bug or oops begins, in their order."""
    return [line for line in _lines(log) if _COMPLAINT.search(line)]


def panic(log: Path) -> str | None:
    """What the kernel panicked about, if it did."""
    return next((found[1] for line in _lines(log) if (found := _PANIC.search(line))), None)


def _lines(log: Path) -> list[str]:
    try:
        text = log.read_text(errors="replace")
    except FileNotFoundError:
        return []
    return [_STAMP.sub("", line).strip() for line in text.splitlines()]
