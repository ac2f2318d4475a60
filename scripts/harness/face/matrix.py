# SPDX-License-Identifier: BSD-3-Clause
"""A matrix of tests: each cell is a device, a transport, a kernel, a QEMU and an accelerator.

`scripts/matrix` writes one as JSON; pytest runs each test in each cell (`--bellwire-matrix FILE`), or
in one of them, on a machine of its own (`--bellwire-cell NAME`).
"""

import itertools
import json
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bellwire.core.places import HarnessError

# Each axis, with what its values are.
AXES = {"device": "device", "transport": "transport", "kernel": "kernel", "qemu": "QEMU",
        "accelerator": "accelerator"}
RESULTS = "results-{cell}.xml"  # the file of a cell's results
RESULTS_CLAIM = "bellwire-results"  # the volume of Kubernetes that they are on


@dataclass(frozen=True)
class Cell:
    """An axis that is "" is left to the tests' own choice."""

    device: str = ""
    transport: str = ""
    kernel: str = ""
    qemu: str = ""
    accelerator: str = ""

    @property
    def name(self) -> str:
        """Of what was chosen, in letters that suit the names of files and of jobs."""
        chosen = (value for value in asdict(self).values() if value)
        return "-".join(re.sub(r"[^\w.]+", "_", value).strip("_") for value in chosen) or "usual"

    def facts(self) -> dict[str, str]:
        return {"name": self.name, **{axis: value for axis, value in asdict(self).items() if value}}

    def fits(self, axes: Mapping[str, str]) -> bool:
        """Whether each of these axes has that value."""
        return all(asdict(self)[axis] == value for axis, value in axes.items())


def make(axes: Mapping[str, Sequence[str]], without: Iterable[Mapping[str, str]] = ()) -> list[Cell]:
    """A cell for each combination of the axes' values, but for those that fit one of `without`."""
    left_out = list(without)
    values = [axes.get(axis) or [""] for axis in AXES]
    cells = [Cell(*words) for words in itertools.product(*values)]
    chosen = [cell for cell in cells if not any(cell.fits(one) for one in left_out)]
    for one in left_out:
        if not any(cell.fits(one) for cell in cells):
            raise HarnessError(f"no cell has {', '.join(map('='.join, one.items()))}, so none can be "
                               "left out")
    if not chosen:
        raise HarnessError("nothing is left of the matrix: leave out less")
    names = [cell.name for cell in chosen]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise HarnessError(f"two cells are called {twice}: give each value once")
    return chosen


def read(path: Path) -> list[Cell]:
    """From a file that `scripts/matrix` wrote."""
    try:
        return [_cell(facts) for facts in json.loads(path.read_text())["include"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise HarnessError(f"{path}: no matrix can be read: {_why(error)}; scripts/matrix writes "
                           "one") from None


def parse(text: str) -> Cell:
    """Of one cell's JSON."""
    try:
        return _cell(json.loads(text))
    except (ValueError, AttributeError):
        raise HarnessError(f"'{text}' is no cell in JSON, such as "
                           '{"kernel": "6.1", "transport": "ivshmem"}') from None


def _cell(facts: dict[str, str]) -> Cell:
    return Cell(**{axis: str(facts.get(axis, "")) for axis in AXES})


def _why(error: Exception) -> str:
    return error.strerror or "" if isinstance(error, OSError) else f"it has no list 'include' ({error})"


def as_json(cells: Sequence[Cell]) -> dict[str, Any]:
    """What GitHub's `strategy.matrix` takes by fromJSON, and read() as well."""
    return {"include": [cell.facts() for cell in cells]}


def as_gitlab(cells: Sequence[Cell], script: Sequence[str]) -> dict[str, Any]:
    """A child pipeline of GitLab: a job for each cell, whose report is kept."""
    return {cell.name: {"script": [_with(line, cell) for line in script],
                        "artifacts": {"when": "always",
                                      "reports": {"junit": _with(RESULTS, cell)}}}
            for cell in cells}


def as_kubernetes(cells: Sequence[Cell], script: Sequence[str], image: str) -> dict[str, Any]:
    """A Job for each cell, as `kubectl create -f` takes them. What it writes to /results is on the
    volume that RESULTS_CLAIM claims."""
    return {"apiVersion": "v1", "kind": "List", "items": [_job(cell, script, image) for cell in cells]}


def _job(cell: Cell, script: Sequence[str], image: str) -> dict[str, Any]:
    lines = "\n".join(_with(line, cell) for line in script)
    container = {"name": "test", "image": image, "command": ["sh", "-ec", lines],
                 "volumeMounts": [{"name": "results", "mountPath": "/results"}],
                 "resources": {"requests": {"cpu": "2", "memory": "2Gi"}}}
    volume = {"name": "results", "persistentVolumeClaim": {"claimName": RESULTS_CLAIM}}
    pod = {"restartPolicy": "Never", "containers": [container], "volumes": [volume]}
    label = re.sub(r"[^a-z0-9]+", "-", cell.name.lower()).strip("-")
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"generateName": f"{label[:50]}-"},
            "spec": {"backoffLimit": 0, "template": {"spec": pod}}}


def _with(line: str, cell: Cell) -> str:
    return line.replace("{cell}", cell.name).replace("{json}", shlex.quote(json.dumps(cell.facts())))
