# SPDX-License-Identifier: BSD-3-Clause
"""The machine that the scripts run on: what it is, and how much of its CPU time others took."""

import os
import platform
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any


def facts() -> dict[str, Any]:
    """`cpu`: its model; `cpus`: how many it has; `kernel`: name and release."""
    models = re.findall(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return {"cpu": models[0] if models else platform.machine(), "cpus": os.cpu_count() or 1,
            "kernel": f"{platform.system()} {platform.release()}"}


@dataclass(frozen=True)
class CpuTime:
    """The time since boot that this machine's CPUs worked or would have worked, and the part of it
    that a hypervisor gave to other machines; in the kernel's ticks."""

    wanted: int
    stolen: int

    @classmethod
    def now(cls) -> "CpuTime":
        return cls.read(Path("/proc/stat").read_text())

    @classmethod
    def read(cls, stat: str) -> "CpuTime":
        user, nice, system, _, _, irq, softirq, stolen = map(int, stat.split()[1:9])
        return cls(user + nice + system + irq + softirq + stolen, stolen)

    def share_stolen_since(self, before: "CpuTime") -> float:
        return (self.stolen - before.stolen) / max(self.wanted - before.wanted, 1)

    def stolen_since(self, before: "CpuTime") -> str:
        return f"{100 * self.share_stolen_since(before):.0f} %"
