# SPDX-License-Identifier: BSD-3-Clause
import unittest
from typing import Any

from harness.bench import programs


def repetition(name: str, ns: float, kind: str = "iteration") -> dict[str, Any]:
    return {"run_name": name, "run_type": kind, "real_time": ns}


class Rows(unittest.TestCase):
    def test_each_benchmark_has_a_row_over_its_repetitions(self) -> None:
        found = [repetition("a", 30), repetition("b", 7), repetition("a", 10),
                 repetition("a", 20), repetition("b", 9), repetition("a", 99, "aggregate")]
        self.assertEqual(programs.rows(found),
                         [{"name": "a", "p25_ns": 10, "p50_ns": 20, "p75_ns": 30},
                          {"name": "b", "p25_ns": 7, "p50_ns": 7, "p75_ns": 9}])
