# SPDX-License-Identifier: BSD-3-Clause
"""Level 0: the library and the programs on the host, both under the sanitizers, too; the programs under
TSan only in the level long."""

import shutil
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bellwire.core.places import BUILD, ROOT
from bellwire.vms import accel
from bellwire.report import results
from bellwire.report.results import Case
from . import build, pytests
from .step import LOGS, Failed, Step, command


def ctest(preset: str) -> list[Case]:
    build.build(preset)
    report = LOGS / f"{preset}.xml"
    report.unlink(missing_ok=True)
    try:
        command(f"ctest-{preset}", "ctest", "--test-dir", BUILD / preset, "-j2",
                "--no-tests=error", "--output-on-failure", "--output-junit", report)
    except Failed as failure:  # the report says more, if it is there and agrees
        try:
            agrees = any(case.outcome == "fail" for case in results.read(report))
        except results.Unreadable:
            agrees = False
        if not agrees:
            raise failure
    return [*results.read(report), *without_kvm()]


def without_kvm() -> list[Case]:
    """The tests that need KVM pass where there is none, and say so only in their logs."""
    trouble = accel.closed(accel.DEVICE)
    return [Case("on KVM", "skip", trouble.reason + trouble.remedy)] if trouble else []


def harness() -> list[Case]:
    return pytests.discover(ROOT / "scripts/python")


def programs(tests: Path) -> list[Case]:
    build.build("release", "bellwire", "bellwire-bench", "bellwire-micro")
    return pytests.discover(tests.parent, tests.name)


def sanitized_programs(preset: str, tests: Path) -> list[Case]:
    """The same tests with the program that has ASan and UBSan in it, or TSan. Whatever a sanitizer
    reports of any process that they start goes to a file of its own, and any such file is a failure."""
    build.build(preset, "bellwire", "bellwire-bench", "bellwire-micro")
    name = f"programs-{preset}-{tests.stem}"
    reports, junit = LOGS / f"sanitizers-{preset}-{tests.stem}", LOGS / f"{name}.xml"
    shutil.rmtree(reports, ignore_errors=True)
    reports.mkdir(parents=True)
    junit.unlink(missing_ok=True)
    command(name, sys.executable, "-m", "bellwire.suite.pytests", tests.parent, junit, tests.name,
            limit=1500, environment=sanitized(preset, reports) | {"PYTHONPATH": str(ROOT / "scripts/python")})
    return [*results.read(junit), *told_by_sanitizers(reports)]


def sanitized(preset: str, reports: Path) -> dict[str, str]:
    """The environment of tests with such a program; host/tests/program.py reads it."""
    where = f"log_path={reports}/report"
    options = {"TSAN_OPTIONS": f"second_deadlock_stack=1:{where}"} if preset == "tsan" else \
        asan_options(where)
    return {"BELLWIRE_PROGRAM": str(BUILD / preset / "host/bellwire"),
            "BELLWIRE_SANITIZERS": str(reports)} | options


def asan_options(where: str) -> dict[str, str]:
    return {"ASAN_OPTIONS": "detect_leaks=1:detect_stack_use_after_return=1:strict_init_order=1:"
                            f"check_initialization_order=1:{where}",
            "LSAN_OPTIONS": where,
            "UBSAN_OPTIONS": f"print_stacktrace=1:halt_on_error=1:{where}"}


def told_by_sanitizers(reports: Path) -> list[Case]:
    return [Case("sanitizers", "fail", f"{path.name}:\n{path.read_text(errors='replace')}")
            for path in sorted(reports.iterdir())]


def of_programs(name: str, run: Callable[[Path], list[Case]], needs: tuple[str, ...]
                ) -> list[Step]:
    """A step for each file of tests."""
    return [Step(f"{name}: {tests.stem.removesuffix('_test')}", partial(run, tests),
                 needs) for tests in sorted((ROOT / "host").rglob("*_test.py"))]


STEPS = (
    Step("harness", harness),
    *of_programs("programs", programs, build.RELEASE),
    *of_programs("programs-asan", partial(sanitized_programs, "asan"), build.ASAN),
    Step("asan", partial(ctest, "asan"), build.ASAN),
    Step("tsan", partial(ctest, "tsan"), build.TSAN),
)
LONG_STEPS = tuple(of_programs("programs-tsan", partial(sanitized_programs, "tsan"), build.TSAN))
