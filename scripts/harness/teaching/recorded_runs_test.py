# SPDX-License-Identifier: BSD-3-Clause
"""Lab 9's recordings are what its mistakes do, and its key has its solution's answers."""

import importlib.util
import json
import tempfile
import unittest
from pathlib import Path
from typing import Any

from bellwire.core.places import ROOT

LAB = ROOT / "docs/labs/09-what-went-wrong"
RECORDER = ROOT / "docs/labs/solutions" / LAB.name / "record.py"


def recorder() -> Any:
    spec = importlib.util.spec_from_file_location("record", RECORDER)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class RecordedRunsTest(unittest.TestCase):
    def test_the_recordings_come_out_the_same_again(self) -> None:
        record = recorder()
        with tempfile.TemporaryDirectory() as work:
            runs = record.all_runs(Path(work))
        for name, trace in runs.items():
            with self.subTest(name):
                self.assertEqual((LAB / f"skeleton/{name}.json").read_text(), trace)
        self.assertEqual(json.loads((LAB / "scenarios/key.json").read_text()), record.key(runs))


if __name__ == "__main__":
    unittest.main()
