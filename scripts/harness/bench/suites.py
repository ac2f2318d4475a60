# SPDX-License-Identifier: BSD-3-Clause
"""All suites by name, and how some of them are measured.

Those that need no QEMU are run here: bellwire-bench's, and google-benchmark's.
"""

import json
import shutil
import subprocess
import sys
import tempfile
import traceback
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from subprocess import SubprocessError
from typing import Any

from bellwire.bench import live
from bellwire.bench.boot import BOOT
from bellwire.bench.idle import IDLE
from bellwire.bench.rings import VFIO_USER, VM
from bellwire.core import host
from bellwire.core.places import BENCH, MICRO, HarnessError
from bellwire.image import build
from bellwire.report.figures import summarize
from bellwire.vms import accel

STORAGE_DAEMON = "qemu-storage-daemon"
REPETITIONS = 9
DEEP = 64  # requests under way on a virtqueue
VIRTQUEUE_NS = {"split": 60.0, "packed": 45.0}  # the most per request, by layout …
BARE_RING, OVER_BARE_RING = "bare ring of the same entries", 1.5  # … or so much of this one's
COLUMNS = {"p50_ns": "p50 ns", "p25_ns": "p25 ns", "p75_ns": "p75 ns"}
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


def run_bellwire(name: str, options: Namespace) -> dict[str, Any]:
    """The program prints its figures itself."""
    build.programs(BENCH.name)
    rounds = ["--rounds", str(options.rounds)] if options.rounds else []
    with tempfile.TemporaryDirectory(prefix="bellwire-bench-") as folder:
        path = Path(folder, "figures.json")
        done = subprocess.run([BENCH, name, "--skip", options.skip, "--json", path, *rounds],
                              stdin=subprocess.DEVNULL)
        if done.returncode:
            raise HarnessError(f"{BENCH.name} ended with {done.returncode}, as reported above")
        found: dict[str, Any] = json.loads(path.read_text())
        return found


def no_storage_daemon() -> str:
    return "" if shutil.which(STORAGE_DAEMON) else (
        f"there is no {STORAGE_DAEMON} to compare with (apt install qemu-system-common)")


def run_vhost(name: str, options: Namespace) -> dict[str, Any]:
    """bellwire-bench starts the program that it measures."""
    if reason := no_storage_daemon():
        raise HarnessError(reason)
    build.programs("bellwire")
    return run_bellwire(name, options)


def run_micro(name: str, options: Namespace) -> dict[str, Any]:
    """The program prints its figures itself."""
    build.programs(MICRO.name)
    repetitions = options.rounds or REPETITIONS
    with tempfile.TemporaryDirectory(prefix="bellwire-bench-") as folder:
        path = Path(folder, "figures.json")
        done = subprocess.run(
            [MICRO, "--benchmark_enable_random_interleaving=true", "--benchmark_out_format=json",
             f"--benchmark_out={path}", f"--benchmark_repetitions={repetitions}",
             "--benchmark_display_aggregates_only=true"], stdin=subprocess.DEVNULL)
        if done.returncode:
            raise HarnessError(f"{MICRO.name} ended with {done.returncode}, as reported above")
        found = json.loads(path.read_text())["benchmarks"]
    return {"suite": name, "machine": {"accelerator": "one thread", **host.facts()},
            "rounds": repetitions, "columns": COLUMNS, "rows": rows(found),
            "ratios": [ratio for layout, limit in VIRTQUEUE_NS.items()
                       for ratio in of_virtqueue(found, layout, limit)]}


def repetitions_of(found: list[dict[str, Any]], figure: str) -> dict[str, list[float]]:
    """The figure of each benchmark in google-benchmark's list, in each of its repetitions."""
    values: dict[str, list[float]] = {}
    for each in found:
        if each["run_type"] == "iteration":
            values.setdefault(each["run_name"], []).append(each[figure])
    return values


def of_virtqueue(found: list[dict[str, Any]], layout: str, limit: float) -> list[dict[str, Any]]:
    """What a request costs with DEEP under way, in CPU time, and beside a bare ring. Either figure
    may keep the limit."""
    times = repetitions_of(found, "cpu_time")
    ours, bare = times[f"virtqueue, {layout}/{DEEP}"], times[f"{BARE_RING}/{DEEP}"]
    each = summarize([time / DEEP for time in ours])
    over = summarize([one / other for one, other in zip(ours, bare)])
    name = f"virtqueue, {layout}, both sides, {DEEP} under way"
    return [{"name": f"{name}: CPU ns per request", "value": each.p50,
             "spread": [each.p25, each.p75], "limit": limit,
             "ok": each.p50 <= limit or over.p50 <= OVER_BARE_RING},
            {"name": f"{name} / {BARE_RING}", "value": over.p50, "spread": [over.p25, over.p75],
             "limit": None, "ok": None}]


def rows(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row for each benchmark in google-benchmark's list, over all its repetitions."""
    summaries = {name: summarize(values)
                 for name, values in repetitions_of(found, "real_time").items()}
    return [{"name": name, "p25_ns": each.p25, "p50_ns": each.p50, "p75_ns": each.p75}
            for name, each in summaries.items()]


SUITES = {
    "wire": Choice("round trips and throughput in one process", run_bellwire),
    "kvm": Choice("doorbells, interrupts and round trips on this machine's KVM",
                  run_bellwire, missing=no_kvm),
    "scale": Choice("round trips among more and more doorbells, slots and drivers",
                    run_bellwire),
    "payload": Choice("requests of 64 bytes to 1 MiB, echoed and digested on one thread",
                      run_bellwire),
    "vhost": Choice("a disk over vhost-user, beside qemu-storage-daemon",
                    run_vhost, missing=no_storage_daemon),
    "micro": Choice("the pieces of a round trip, each alone", run_micro),
    "vm": Choice(VM.what, VM.run),
    "idle": Choice(IDLE.what, IDLE.run),
    "boot": Choice(BOOT.what, BOOT.run),
    "live": Choice("CPU of the live page and its server", live.run, missing=live.missing),
    "vfio-user": Choice(VFIO_USER.what, VFIO_USER.run, usual=False),
    "bus": Choice("doorbells on the model of KVM, among 1 to 30,000", run_bellwire,
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
