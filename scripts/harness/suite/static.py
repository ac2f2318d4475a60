# SPDX-License-Identifier: BSD-3-Clause
"""What compilers and analysers say: clang and clang-tidy; the module's extra warnings and sparse."""

import re
import shutil
from functools import partial

from harness.core.places import ROOT, HarnessError
from harness.image import kernel

from . import build
from .results import Case
from .step import LOGS, Failed, Skipped, Step, command

MODULE = ROOT / "guest-kmod"


def clang_and_tidy() -> list[Case]:
    """The asan preset compiles everything with clang and -Werror, and has clang-tidy look at it."""
    build.build("asan")
    return [Case("clang, clang-tidy")]


def module(version: str) -> list[Case]:
    """The guest's module with the kernel's own extra warnings, and with sparse."""
    try:
        headers = kernel.get(version).headers
    except HarnessError as error:
        raise Skipped(str(error)) from None
    out = LOGS / f"module-{version}"
    shutil.rmtree(out, ignore_errors=True)  # sparse looks only at what is compiled
    said = command(f"module-{version}", "make", "-C", MODULE, f"KDIR={headers}", f"OUT={out}",
                   "W=1", "C=1", "CONFIG_DEBUG_INFO_BTF_MODULES=")
    warnings = [line for line in said.splitlines() if re.search(r"\b(warning|error):", line)]
    if warnings:
        raise Failed("\n".join(warnings))
    if " CHECK " not in said:
        raise Failed(f"sparse looked at no file of {MODULE}")
    return [Case(f"module on {version}, W=1, sparse")]


STEPS = (
    Step("module 6.1", partial(module, "6.1")),
    Step("module 6.12", partial(module, "6.12")),
    Step("clang", clang_and_tidy, build.ASAN),
)
