# SPDX-License-Identifier: BSD-3-Clause
"""Runs the suites that need no QEMU: those of bellwire-bench, and google-benchmark's."""

import json
import subprocess
import tempfile
from argparse import Namespace
from pathlib import Path
from typing import Any

from harness.core import host
from harness.core.places import BENCH, MICRO, HarnessError
from harness.image import build
from harness.report.statistics import summarize

REPETITIONS = 9
COLUMNS = {"p50_ns": "p50 ns", "p25_ns": "p25 ns", "p75_ns": "p75 ns"}


def run_bellwire(name: str, options: Namespace) -> dict[str, Any]:
    """The program prints its figures itself."""
    build.programs(BENCH.name)
    rounds = ["--rounds", str(options.rounds)] if options.rounds else []
    with tempfile.TemporaryDirectory(prefix="bellwire-bench-") as folder:
        path = Path(folder, "figures.json")
        done = subprocess.run([BENCH, name, "--skip", options.skip, "--json", path, *rounds],
                              stdin=subprocess.DEVNULL)
        if done.returncode:
            raise HarnessError(f"{BENCH.name} ended with {done.returncode}, as said above")
        found: dict[str, Any] = json.loads(path.read_text())
        return found


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
            raise HarnessError(f"{MICRO.name} ended with {done.returncode}, as said above")
        found = json.loads(path.read_text())["benchmarks"]
    return {"suite": name, "machine": {"accelerator": "one thread", **host.facts()},
            "rounds": repetitions, "columns": COLUMNS, "rows": rows(found), "ratios": []}


def rows(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row for each benchmark in google-benchmark's list, over all its repetitions."""
    times: dict[str, list[float]] = {}
    for each in found:
        if each["run_type"] == "iteration":
            times.setdefault(each["run_name"], []).append(each["real_time"])
    summaries = {name: summarize(values) for name, values in times.items()}
    return [{"name": name, "p25_ns": each.p25, "p50_ns": each.p50, "p75_ns": each.p75}
            for name, each in summaries.items()]
