# SPDX-License-Identifier: BSD-3-Clause
"""Records the runs of lab 9 again, and writes the key by which its grader knows the answers:

    PYTHONPATH=scripts/python python3 docs/labs/solutions/09-what-went-wrong/record.py

Each is a run of the solution with one mistake, a typical wrong answer, against the lab's device. The
explorer finds it among the orders of their steps: so it is the same each time.
"""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bellwire.core.places import ROOT
from bellwire.teaching import code, explore

HERE = Path(__file__).parent
LAB = ROOT / "docs/labs" / HERE.name
RUNS = {  # the mistake, and the traffic (scenarios/recorded.c)
    "run-1": ("interrupt_stays-clears_too_late", "sevens"),
    "run-2": ("device_asks-no_fence", "tens"),
    "run-3": ("too_many-no_look_at_room", "twos"),
    "run-4": ("publishes_first-rings_too_early", "elevens"),
    "run-5": ("wraps-compares_numbers", "past_the_last"),
    "run-6": ("driver_asks-looks_once", "nines"),
}
STAGES = (("submitted", "process"), ("kicked", "module"), ("doorbell", "module"), ("woken", "device"),
          ("taken", "device"), ("posted", "device"), ("raised", "device"), ("interrupted", "module"),
          ("signalled", "module"), ("awake", "process"), ("done", "process"))
DOORBELL, RAISED = 2, 6
SEED = 0x6c616239  # of what the requests contain


def record(mistake: str, traffic: str, program: Path, work: Path) -> str:
    """The trace, as its file has it. `mistake`: "" is the solution itself."""
    work.mkdir()
    place = work / "mistaken"
    place.mkdir()
    shutil.copy(HERE / "driver.c", place)
    if mistake:
        subprocess.run(["patch", "-s", "-p0", "-d", place, "-i", HERE / f"wrong/{mistake}.patch"],
                       check=True)
    library = explore.build_library(place, "driver.c", LAB / "skeleton/driver_lab.h", work)
    seed, ours = os.pipe()
    os.write(ours, SEED.to_bytes(8, "little"))
    os.close(ours)
    try:
        done = subprocess.run([program, library, "1", str(seed), traffic], pass_fds=[seed],
                              capture_output=True, text=True)
    finally:
        os.close(seed)
    lines = [[int(word) for word in line.split()] for line in done.stderr.splitlines()]
    assert lines, f"no run of '{traffic}' went wrong, with {mistake or 'no mistake'}: {done.stdout[:200]}"
    return _trace(lines)


def _trace(lines: Sequence[Sequence[int]]) -> str:
    requests = [{"queue": 0, "index": index, "at": [None if at < 0 else at for at in times]}
                for index, *times in lines]
    facts: dict[str, Any] = {
        "version": 1,
        "machine": {"accelerator": None, "cpu": "a model of C's memory", "kernel": "none", "qemu": None,
                    "guest_kernel": None},
        "transport": "in-process", "device": "lab 9", "began": "2026-01-01T00:00:00Z",
        "clock": {"ticks_per_ns": 1, "offset_ticks": 0, "uncertainty_ns": 0, "contradictions": 0},
        "stages": [{"name": name, "side": side} for name, side in STAGES],
        "lost": {"process": 0, "module": 0, "device": 0}, "left_out": []}
    parts = [f'"{key}": {json.dumps(value)}' for key, value in facts.items()]
    for key, stage in (("doorbells", DOORBELL), ("interrupts", RAISED)):
        at = sorted(times[stage] for _, *times in lines if times[stage] >= 0)
        parts.append(_list(key, [{"queue": 0, "at": each, "requests": 1} for each in at]))
    requests.sort(key=lambda request: request["at"][0])
    parts.append(_list("requests", requests))
    return "{" + ",\n".join(parts) + "}\n"


def _list(key: str, values: Sequence[object]) -> str:
    return f'"{key}": [\n' + ",\n".join(map(json.dumps, values)) + "]"


def all_runs(work: Path) -> dict[str, str]:
    program = explore.build_program(LAB / "skeleton/driver_lab.h", LAB / "scenarios", work)
    return {name: record(mistake, traffic, program, work / name)
            for name, (mistake, traffic) in RUNS.items()}


def key(runs: dict[str, str]) -> dict[str, str]:
    grade = _grader()
    answers = code.predictions(HERE / "answers.txt")
    return {name: grade.digest(trace, *grade.parts(answers[name])) for name, trace in runs.items()}


def _grader() -> Any:
    spec = importlib.util.spec_from_file_location("grade_9", LAB / "grade.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> int:
    with tempfile.TemporaryDirectory() as work:
        runs = all_runs(Path(work))
    for name, trace in runs.items():
        (LAB / f"skeleton/{name}.json").write_text(trace)
    (LAB / "scenarios/key.json").write_text(json.dumps(key(runs), indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
