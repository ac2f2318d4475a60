# SPDX-License-Identifier: BSD-3-Clause
"""Level 2: QEMU, Debian's kernel, our module; level 3: the same on real KVM, in an emulated host.

The suites are in scripts/vmtests.
"""

import importlib
import shutil
import unittest

from harness.core.places import HarnessError
from harness.image import kernel
from . import pytests
from .results import Case
from .step import Step

SUITES = ("rings", "module", "crashes", "neighbours", "reboot", "late", "registers", "kernels",
          "toolbox", "vfio_user", "vfio_user_functions", "hostile", "resets", "trace", "hangs",
          "pauses", "notify_lab", "compare", "bare", "boot_vm", "boot_vm_elsewhere", "packagers")


def missing() -> str:
    """Why this level can't run, or ""."""
    if not shutil.which("qemu-system-x86_64"):
        return "no qemu-system-x86_64: run scripts/setup"
    try:
        kernel.get(kernel.DEFAULT)
    except HarnessError as error:
        return str(error)
    return ""


def suite(name: str) -> list[Case]:
    module = importlib.import_module(f"vmtests.{name}")
    return pytests.run(unittest.TestLoader().loadTestsFromModule(module))


# Their guests have two CPUs, and wake one from the other all the time.
ALONE = ("rings", "vfio_user")

NESTED = (Step("rings", lambda: suite("nested")),)
STEPS = tuple(Step(name.replace("_", "-"), lambda name=name: suite(name), name in ALONE)
              for name in SUITES)
