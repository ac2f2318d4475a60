# SPDX-License-Identifier: BSD-3-Clause
"""The machine that all is measured on."""

import os
import platform
import re
from pathlib import Path


def facts() -> dict:
    models = re.findall(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return {"cpu": models[0] if models else platform.machine(), "cpus": os.cpu_count(),
            "kernel": f"{platform.system()} {platform.release()}"}
