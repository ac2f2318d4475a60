# SPDX-License-Identifier: BSD-3-Clause
"""All suites by name, and how some of them are measured."""

import sys
import traceback
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from subprocess import SubprocessError
from typing import Any

from harness.bench import programs
from harness.bench.boot import BOOT
from harness.bench.idle import IDLE
from harness.bench.rings import VFIO_USER, VM
from harness.core import host
from harness.core.places import HarnessError
from harness.vms import accel

Reasons = dict[str, str]  # a suite, and why it has no result


@dataclass(frozen=True)
class Choice:
    what: str  # what it measures
    run: Callable[[str, Namespace], dict[str, Any]]
    usual: bool = True  # measured if none is named
    missing: Callable[[], str] = lambda: ""  # why this machine cannot run it; "" if it can


def no_kvm() -> str:
    trouble = accel.closed(accel.DEVICE)
    return trouble.reason + trouble.remedy if trouble else ""


SUITES = {
    "wire": Choice("round trips and throughput in one process", programs.run_bellwire),
    "kvm": Choice("doorbells, interrupts and round trips on this machine's KVM",
                  programs.run_bellwire, missing=no_kvm),
    "scale": Choice("round trips among more and more doorbells, slots and drivers",
                    programs.run_bellwire),
    "micro": Choice("the pieces of a round trip, each alone", programs.run_micro),
    "vm": Choice(VM.what, VM.run),
    "idle": Choice(IDLE.what, IDLE.run),
    "boot": Choice(BOOT.what, BOOT.run),
    "vfio-user": Choice(VFIO_USER.what, VFIO_USER.run, usual=False),
    "bus": Choice("doorbells on the model of KVM, among 1 to 30,000", programs.run_bellwire,
                  usual=False),
}


def choose(named: Sequence[str]) -> tuple[list[str], Reasons]:
    """The named suites, each once; without names, the usual ones that this machine can run."""
    if named:
        return list(dict.fromkeys(named)), {}
    usual = [name for name, suite in SUITES.items() if suite.usual]
    missing = {name: reason for name in usual if (reason := SUITES[name].missing())}
    for name, reason in missing.items():
        print(f"bench: without {name}: {reason}", file=sys.stderr)
    return [name for name in usual if name not in missing], missing


def measure(names: Sequence[str], options: Namespace) -> Iterator[tuple[str, dict[str, Any] | str]]:
    """Yields each suite's result, or why it has none. If one fails, the others still follow."""
    for name in names:
        suite = SUITES[name]
        print(f"\n{name}: {suite.what}", flush=True)
        before = host.CpuTime.now()
        result: dict[str, Any] | str
        try:
            figures: dict[str, Any] = {"what": suite.what, **suite.run(name, options)}
            figures["machine"]["stolen"] = stolen = host.CpuTime.now().stolen_since(before)
            print(f"\nstolen by the host's other machines: {stolen} of the CPU time", flush=True)
            result = figures
        except (HarnessError, SubprocessError) as error:
            result = str(error)
        except Exception as error:
            traceback.print_exc()
            result = f"{type(error).__name__}: {error}"
        if isinstance(result, str):
            print(f"bench: {name}: {result}", file=sys.stderr)
        yield name, result
