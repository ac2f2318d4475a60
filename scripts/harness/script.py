# SPDX-License-Identifier: BSD-3-Clause
"""The lines with which a person starts by hand what a run started."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from .vm import Vm
from .wires import Process


def script(vm: Vm, private: Path, processes: Sequence[Process]) -> str:
    """A shell script; where the run used its private folder, it makes one of its own."""

    def words(argv: Sequence[str]) -> str:
        # The folder's name is made of letters that need no quotes, wherever it stands.
        return shlex.join(argv).replace(str(private), '"$private"')

    lines = [
        "#!/bin/sh",
        "private=$(mktemp -d)",
        "trap 'kill $pids 2>/dev/null; wait; rm -r \"$private\"' EXIT",
    ]
    for process in processes:
        lines += [f"{words(process.argv)} &", 'pids="$pids $!"']
        if process.socket:
            lines.append(f"until [ -S {words([str(process.socket)])} ]; do sleep 0.1; done")
    lines.append(" \\\n    ".join(words(group) for group in vm.line))
    return "\n".join(lines) + "\n"
