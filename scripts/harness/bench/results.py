# SPDX-License-Identifier: BSD-3-Clause
"""A run's results: those of all its suites in one, and which limits they miss."""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

from harness.core import host
from harness.core.places import replace_file


def collect(suites: Sequence[dict], left_out: Mapping[str, str]) -> dict:
    """`left_out`: the reason for each suite that there is nothing of."""
    return {"date": date.today().isoformat(), "machine": host.facts(), "left_out": dict(left_out),
            "suites": list(suites),
            "ratios": [{"suite": result["suite"], **ratio} for result in suites
                       for ratio in result["ratios"]]}


def missed(results: dict) -> list[str]:
    """A line for each ratio that is over its limit."""
    return [f"{ratio['suite']}: {ratio['name']}: {ratio['value']:.4g} ({low:.4g} … {high:.4g}), "
            f"at most {ratio['limit']:.4g}"
            for ratio in results["ratios"] if ratio["ok"] is False
            for low, high in [ratio["spread"]]]


def write(path: Path, results: dict) -> None:
    text = json.dumps(results, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    replace_file(path, text.encode())
