# SPDX-License-Identifier: BSD-3-Clause
"""The levels that boot VMs. vm: QEMU, Debian's kernel, our module; nested: the same on real KVM, in
an emulated host; debug: vm on a kernel that checks itself.

The suites are in scripts/vmtests; pytest runs them, with our plugin.
"""

import shutil
import sys
from functools import partial

from bellwire.core.places import ROOT, HarnessError
from bellwire.image import debug_kernel, kernel
from bellwire.report import results
from bellwire.report.results import Case
from . import build, by_pytest, inventory, pytests
from .step import LOGS, Step, command

SUITE_FOLDER = ROOT / "scripts/vmtests"

SUITES = ("rings", "module", "crashes", "neighbours", "reboot", "late", "registers", "kernels",
          "toolbox", "vfio_user", "vfio_user_functions", "vhost_user", "net", "hostile", "resets",
          "trace", "replay", "hangs", "step", "faults", "virtqueue_faults", "endurance", "soak",
          "live", "pauses", "clock", "notify_lab", "compare", "bare",
          "boot_vm", "boot_vm_elsewhere", "boot_vm_yours", "plugin", "packagers")


def missing() -> str:
    """Why this level can't run, or ""."""
    if not shutil.which("qemu-system-x86_64"):
        return "no qemu-system-x86_64: run scripts/setup"
    try:
        kernel.get(kernel.DEFAULT)
    except HarnessError as error:
        return str(error)
    return ""


# Suites that take minutes: each of their tests is a step of its own.
LONG = ("rings", "vfio_user", "vhost_user", "hostile", "resets", "trace", "hangs", "step", "pauses", "faults",
        "virtqueue_faults", "boot_vm", "boot_vm_elsewhere", "boot_vm_yours", "plugin")


def suite(name: str, test: str = "") -> list[Case]:
    """The tests of that suite, or the one of that name."""
    tests = f"{SUITE_FOLDER / name}.py{f'::{test}' if test else ''}"
    return by_pytest.run("--bellwire-runs", LOGS / "vm", tests)


def steps(name: str) -> list[Step]:
    title = name.replace("_", "-")
    if name not in LONG:
        return [Step(title, partial(suite, name), build.RELEASE)]
    tests = inventory.functions((SUITE_FOLDER / f"{name}.py").read_text())
    return [Step(f"{title}: {pytests.words(test)}", partial(suite, name, test), build.RELEASE)
            for test in tests]


STEPS = tuple(step for name in SUITES for step in steps(name))
NESTED = (Step("rings", partial(suite, "nested"), build.RELEASE),)


def elsewhere(title: str, level: str, step: str, limit: float, environment: dict[str, str]
              ) -> list[Case]:
    """The cases of steps that run in a process with that environment."""
    junit = LOGS / f"{title}.xml"
    junit.unlink(missing_ok=True)
    command(title, sys.executable, ROOT / "scripts/harness/start.py", "suite", level,
            "--step", step, "--here", "--report", junit, limit=limit, environment=environment)
    return results.read(junit)


def on_debug_kernel(name: str) -> list[Case]:
    """That suite with guests that have the debug kernel. It is several times slower."""
    return elsewhere(f"debug-{name}", "vm", name.replace("_", "-"), DEBUG_LIMIT,
                     {"BELLWIRE_KERNEL": debug_kernel.VERSION})


DEBUG_LIMIT = 5400.0
DEBUG_SUITES = ("module", "notify_lab", "hostile", "resets", "crashes", "bare")
DEBUG = tuple(Step(name.replace("_", "-"), partial(on_debug_kernel, name), build.RELEASE,
                   DEBUG_LIMIT + 600) for name in DEBUG_SUITES)


def at_length(level: str, step: str) -> list[Case]:
    """Those steps with ten times as many rings of each kind, and with full disks."""
    return elsewhere(f"long-{level}-{step.partition(':')[0]}", level, step, LONG_LIMIT,
                     {"BELLWIRE_LENGTH": "10"})


LONG_LIMIT = 3600.0
LONG_STEPS = (
    Step("rings", partial(at_length, "vm", "rings:"), build.RELEASE, LONG_LIMIT + 600),
    Step("vfio-user", partial(at_length, "vm", "vfio-user: every way"), build.RELEASE,
         LONG_LIMIT + 600),
    Step("vhost-user", partial(at_length, "vm", "vhost-user: blk"), build.RELEASE, LONG_LIMIT + 600),
    Step("net", partial(at_length, "vm", "net"), build.RELEASE, LONG_LIMIT + 600),
    Step("endurance", partial(at_length, "vm", "endurance"), build.RELEASE, LONG_LIMIT + 600),
    Step("vfio-user-functions", partial(at_length, "vm", "vfio-user-functions"), build.RELEASE,
         LONG_LIMIT + 600),
    Step("faults", partial(suite, "fault_table"), build.RELEASE, LONG_LIMIT),
    Step("gdb", partial(suite, "debugger"), build.RELEASE, LONG_LIMIT),
    Step("nested", partial(at_length, "nested", "rings"), build.RELEASE, LONG_LIMIT + 600),
)
