# SPDX-License-Identifier: BSD-3-Clause
"""Level 0: the library and the programs on the host, the library under the sanitizers."""

from .. import accel
from ..places import BUILD, ROOT
from . import pytests, results
from .results import Case
from .step import LOGS, Failed, Step, command


def ctest(preset: str) -> list[Case]:
    command(f"build-{preset}", "scripts/build", "--preset", preset, limit=1500)
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
    return pytests.discover(ROOT / "scripts")


def programs() -> list[Case]:
    command("build-bellwire", "scripts/build", "bellwire", "bellwire-micro")
    return pytests.discover(ROOT / "host")


STEPS = (
    Step("harness", harness),
    Step("programs", programs),
    Step("asan", lambda: ctest("asan"), limit=3600),  # it builds the tree, which takes most of it
    Step("tsan", lambda: ctest("tsan"), limit=3600),
)
