# SPDX-License-Identifier: BSD-3-Clause
"""The machine that all is measured on."""

import os
import platform
import re
from dataclasses import dataclass
from pathlib import Path


def facts() -> dict:
    models = re.findall(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return {"cpu": models[0] if models else platform.machine(), "cpus": os.cpu_count(),
            "kernel": f"{platform.system()} {platform.release()}"}


@dataclass(frozen=True)
class CpuTime:
    """What was wanted of the machine's CPUs since it started, and what of that a host of virtual
    machines gave to others; in the kernel's ticks."""

    wanted: int
    stolen: int

    @classmethod
    def now(cls) -> "CpuTime":
        return cls.read(Path("/proc/stat").read_text())

    @classmethod
    def read(cls, stat: str) -> "CpuTime":
        user, nice, system, _, _, irq, softirq, stolen = map(int, stat.split()[1:9])
        return cls(user + nice + system + irq + softirq + stolen, stolen)

    def stolen_since(self, before: "CpuTime") -> str:
        share = (self.stolen - before.stolen) / max(self.wanted - before.wanted, 1)
        return f"{100 * share:.0f} %"
