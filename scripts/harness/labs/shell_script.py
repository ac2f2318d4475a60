# SPDX-License-Identifier: BSD-3-Clause
"""The lines with which a person starts by hand what a run started."""

import json
import shlex
from collections.abc import Sequence
from pathlib import Path

from harness.labs.processes import Process
from harness.vms import qemu
from harness.vms.vm import Vm

PLACE = "\0"  # where the private folder's name stood, in a word that has no other such byte


def script(vm: Vm, private: Path, processes: Sequence[Process]) -> str:
    """A shell script; where the run used its private folder, it makes one of its own."""

    def words(argv: Sequence[str]) -> str:
        return " ".join(word(argument) for argument in argv)

    def word(argument: str) -> str:
        # The name may stand in QEMU's options, with two commas for one, and in JSON.
        for name in (qemu.value(private), json.dumps(str(private))[1:-1], str(private)):
            argument = argument.replace(name, PLACE)
        return '"$private"'.join(shlex.quote(part) if part else "" for part in
                                 argument.split(PLACE)) or "''"

    lines = [
        "#!/bin/sh",
        # In /tmp: a name of letters that mean nothing to QEMU, nor to JSON.
        "private=$(mktemp -d /tmp/bellwire-XXXXXX) || exit",
        "trap 'kill $pids 2>/dev/null; wait; rm -r \"$private\"' EXIT",
    ]
    for process in processes:
        lines += [f"{words(process.argv)} &", 'pids="$pids $!"']
        if process.socket:
            lines.append(f"until [ -S {words([str(process.socket)])} ]; do sleep 0.1; done")
    lines.append(" \\\n    ".join(words(group) for group in vm.line))
    return "\n".join(lines) + "\n"
