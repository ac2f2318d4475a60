# SPDX-License-Identifier: BSD-3-Clause
"""`scripts/soak`, for half a minute; the level long takes ten times as long."""

import json
import subprocess
from pathlib import Path

from bellwire.core.places import ROOT
from vmtests.case import LENGTH, LIMIT


def test_a_victim_and_a_bystander(tmp_path: Path) -> None:
    facts, page = tmp_path / "facts.json", tmp_path / "page.html"
    run = subprocess.run([ROOT / "scripts/soak", "--minutes", str(0.5 * LENGTH), "--seed", "1", "--json", facts,
                          "--page", page], capture_output=True, text=True, timeout=LIMIT)
    assert run.returncode == 0, run.stdout + run.stderr
    found = json.loads(facts.read_text())
    assert found["troubles"] == [] and sum(found["happened"].values()) > 3, found
    assert "Nothing was lost, and nothing grew." in page.read_text()
    assert "All is well: " in run.stdout
