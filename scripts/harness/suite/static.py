# SPDX-License-Identifier: BSD-3-Clause
"""The compilers' and analysers' checks: clang, clang-tidy; the module's extra warnings, sparse."""

import re
import shutil
from functools import partial
from pathlib import Path

from bellwire.core.places import BUILD, ROOT, HarnessError, replace_file
from bellwire.image import build as images
from bellwire.image import kernel

from bellwire.report.results import Case
from . import build, tidy_groups
from .step import LOGS, Failed, Skipped, Step, command, tracked

MODULE = ROOT / "guest-kmod"


def clang_and_tidy() -> list[Case]:
    """The asan preset compiles everything with clang and -Werror; clang-tidy looks at its sources."""
    build.build("asan")
    tidy_groups.check(BUILD / "asan", without=tidy_groups.SLOW)
    return [Case("clang, clang-tidy")]


def all_of_tidy() -> list[Case]:
    build.build("asan")
    tidy_groups.check(BUILD / "asan")
    return [Case("clang-tidy, all checks")]


def module(version: str) -> list[Case]:
    """The guest's module with the kernel's own extra warnings, and with sparse. Nothing is done while
    all that they depend on is as it was when they last found nothing."""
    try:
        base = kernel.get(version)
    except HarnessError as error:
        raise Skipped(str(error)) from None
    out = LOGS / f"module-{version}"
    clean, inputs = LOGS / f"{out.name}.clean", inputs_of(base)
    if not images.is_current(clean, inputs):
        check(version, base, out)
        replace_file(clean, b"")
        images.remember(clean, inputs)
    return [Case(f"module on {version}, W=1, sparse")]


def inputs_of(base: kernel.Kernel) -> str:
    tools = [Path(found) for name in ("gcc-12", "sparse") if (found := shutil.which(name))]
    sources = tracked("guest-kmod/*.c", "guest-kmod/*.h", "guest-kmod/*Kbuild",
                      "guest-kmod/Makefile")
    headers = [base.headers / name for name in (".config", "Module.symvers")]
    return images.recipe([*sources, *headers, *tools, Path(__file__)], base.root)


def check(version: str, base: kernel.Kernel, out: Path) -> None:
    shutil.rmtree(out, ignore_errors=True)  # sparse looks only at what is compiled
    said = command(f"module-{version}", "make", "-C", MODULE, f"KDIR={base.headers}",
                   f"OUT={out}",
                   "W=1", "C=1", "CONFIG_DEBUG_INFO_BTF_MODULES=")
    warnings = [line for line in said.splitlines() if re.search(r"\b(warning|error):", line)]
    if warnings:
        raise Failed("\n".join(warnings))
    if " CHECK " not in said:
        raise Failed(f"sparse looked at no file of {MODULE}")


STEPS = (
    Step("module 6.1", partial(module, "6.1")),
    Step("module 6.12", partial(module, "6.12")),
    Step("clang", clang_and_tidy, build.ASAN),
)
# The preset dev is the one that compiles each file alone, and with gcc's warnings as errors.
LONG_STEPS = (Step("clang-tidy", all_of_tidy, build.ASAN),
              Step("dev", partial(build.build, "dev"), limit=build.LIMIT + 60))
