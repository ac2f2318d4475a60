# SPDX-License-Identifier: BSD-3-Clause
"""Counts what KVM does in an emulated host, between marks that its guest sets.

images/meter counts, as a process beside the guest's QEMU. A virtio port of the guest leads to it,
and its counts arrive as a file in the run's folder.
"""

from collections import Counter
from dataclasses import replace
from pathlib import Path

from harness.core.places import ROOT
from harness.image.cpio import Archive
from harness.labs.processes import Process
from harness.vms.qemu import VmConfig

SCRIPT = ROOT / "images/meter"
PORT = "meter"


class Meter(Process):
    program = Path("/bin/sh")

    def __init__(self, folder: Path, private: Path) -> None:
        self._pipe = private / PORT
        self.counters = folder / "counters"
        super().__init__("the meter", folder / "meter.log", str(SCRIPT), str(self._pipe),
                         str(self.counters))

    def on(self, config: VmConfig) -> VmConfig:
        """The configuration with a port to the meter."""
        return replace(config, extra=(
            *config.extra, "-chardev", f"pipe,id={PORT},path={self._pipe}",
            "-device", f"virtserialport,chardev={PORT},name=bellwire.{PORT}"))

    def pack(self, archive: Archive) -> None:
        """Adds the files that the host needs for it."""
        archive.copy(SCRIPT)
        archive.folders(self._pipe.parent)
        for end in ("in", "out"):
            archive.pipe(f"{self._pipe}.{end}".strip("/"))

    def between(self, first: str, second: str) -> Counter[str]:
        """The counts from one mark to the other."""
        found = self._read()
        return found[second] - found[first]

    def _read(self) -> dict[str, Counter[str]]:
        found: dict[str, Counter[str]] = {}
        for line in self.counters.read_text().splitlines():
            mark, name, count = line.split()
            found.setdefault(mark, Counter())[name] = int(count)
        return found


def mark(name: str) -> str:
    """The guest's shell command that sets a mark; it returns when everything is counted."""
    return f"{{ echo {name} >&9; read -r _ <&9; }} 9<>/run/bellwire/port/{PORT}"
