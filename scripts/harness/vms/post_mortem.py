# SPDX-License-Identifier: BSD-3-Clause
"""What a guest was at when its command took too long: asked of QEMU, then of the kernel.

An NMI ends the kernel, which then prints the stacks of its CPUs and its tasks (qemu.py has the
parameters for that). QEMU says before what the guest had mapped.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bellwire.report import logs
from bellwire.vms.qmp import Qmp, QmpError

CONSOLE = 8  # lines of it that are kept: its last ones before the NMI
SHOWN = 20  # lines in all, so that they fit one screen


@dataclass(frozen=True)
class PostMortem:
    cpus: list[str] = field(default_factory=list)  # a line each; none: the kernel printed nothing
    tasks: list[str] = field(default_factory=list)
    console: list[str] = field(default_factory=list)
    mapped: list[str] = field(default_factory=list)  # the BARs of each PCI device

    def facts(self) -> dict[str, list[str]]:
        return asdict(self)

    def lines(self) -> Iterator[str]:
        """What a person wants to see first, on one screen."""
        room = SHOWN
        for title, texts in (("CPU", self.cpus), ("task", self.tasks), ("mapped", self.mapped),
                             ("console", self.console)):
            shown = texts[:max(room, 0)]
            room -= len(shown)
            yield from (f"{title}: {text}" for text in shown)
            if len(shown) < len(texts):
                yield f"{title}: {len(texts) - len(shown)} more in result.json"


def mapped(qmp: Qmp) -> list[str]:
    """The memory that the guest mapped of each PCI device; those without a BAR are left out."""
    try:
        buses = qmp.command("query-pci")
    except QmpError:
        return []
    return [line for device in _devices(buses) if (line := _bars(device))]


def _devices(buses: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Those behind bridges, too."""
    for bus in buses:
        for device in bus.get("devices", []):
            yield device
            bridge = device.get("pci_bridge", {})
            yield from _devices([{"devices": bridge.get("devices", [])}])


def _bars(device: dict[str, Any]) -> str:
    kind = device["id"]
    name = device.get("qdev_id") or f"{device['bus']:02x}:{device['slot']:02x}.{device['function']}"
    bars = [f"BAR{region['bar']} {region['size']:#x} at {region['address']:#x}"
            if region["address"] >= 0 else f"BAR{region['bar']} {region['size']:#x} nowhere"
            for region in device["regions"]]
    found = f"{name} ({kind['vendor']:04x}:{kind['device']:04x}): {', '.join(bars)}"
    return found if bars and "pci_bridge" not in device else ""


def read(console: Path, mapped: list[str]) -> PostMortem:
    """After the guest has ended."""
    return PostMortem(logs.cpu_stacks(console), logs.stacks(console),
                      logs.last_lines(console, CONSOLE, before="NMI received for unknown reason"),
                      mapped)
