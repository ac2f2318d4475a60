# SPDX-License-Identifier: BSD-3-Clause
"""What the demos have in common: how they begin, what they write, and how they close."""

import json
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bellwire.core import messages, runs
from bellwire.core.places import replace_file
from bellwire.image import guest_image, kernel
from bellwire.labs import wiring
from bellwire.vms import accel, qemu, toolbox
from bellwire.vms.qemu import VmConfig
from bellwire.vms.vm import Vm


@dataclass
class Part:
    """What a part of a demo found."""

    facts: dict[str, Any]
    troubles: list[str]
    all_is_well: str  # for the closing line, if there are no troubles


@dataclass
class Frame:
    """One demo: its VM's configuration, and the folder of the run."""

    transport: str
    config: VmConfig
    version: str  # QEMU's
    folder: Path
    boot_ms: int = 0  # of its first guest

    @staticmethod
    def open(title: str, picture: str, transport: str, program: str) -> "Frame":
        """Prints what is to be seen, and chooses QEMU and accelerator."""
        print(f"bellwire: {title}\n\n{picture}", flush=True)
        config = VmConfig(guest_image.prepare(kernel.DEFAULT),
                          qemu=toolbox.chosen(program, transport),
                          shared_memory=wiring.split(transport)[0].shared_memory)
        version = qemu.version(config.qemu)
        return Frame(transport, config.on(accel.choose("auto", config, version)), version,
                     runs.create())

    def say_up(self, vm: Vm) -> None:
        self.boot_ms = vm.boot_ms
        print(f"QEMU {self.version}, {self.config.accel.upper()}, kernel "
              f"{self.config.image.release}, {self.config.smp} CPU; the guest was "
              f"{'resumed' if vm.resumed else 'up'} after {vm.boot_ms / 1000:.1f} s\n")

    def facts(self) -> dict[str, Any]:
        return {"accel": self.config.accel, "qemu": self.version,
                "kernel": self.config.image.release, "transport": self.transport,
                "cpus": self.config.smp}

    def write(self, file: Path | None, found: dict[str, Any]) -> None:
        """Writes what was found to the run's folder, and to the user's file."""
        facts = {**self.facts(), "boot_ms": self.boot_ms, **found}
        runs.write_result(self.folder, facts)
        if file:
            replace_file(file, json.dumps(facts, indent=2) + "\n")

    def close(self, troubles: list[str], all_is_well: str) -> int:
        """Prints the closing line; returns the exit status."""
        if troubles:
            print(f"\nSomething went wrong; the logs are in {self.folder}", file=sys.stderr)
            for trouble in troubles:
                print(f"  {trouble}", file=sys.stderr)
            return 1
        print(f"\nAll is well: {all_is_well}. Logs: {messages.plain(str(_from_here(self.folder)))}")
        return 0


def _from_here(folder: Path) -> Path:
    """The path, relative to the current folder if it is in it."""
    with suppress(OSError, ValueError):  # the current folder may be removed, or elsewhere
        return folder.relative_to(Path.cwd())
    return folder
