# SPDX-License-Identifier: BSD-3-Clause
import subprocess
import unittest

from bellwire.commands.fault_table import said
from bellwire.core.places import HarnessError


def run(status: int, out: str = "", error: str = "") -> "subprocess.CompletedProcess[str]":
    return subprocess.CompletedProcess([], status, out, error)


class FaultTableTest(unittest.TestCase):
    def test_each_end_of_a_run_has_a_name(self) -> None:
        hang = "request 7: submitted 5.0 s ago, its kick never seen: lost kick\n"
        counts = "300 requests at depth 1: 299 answered, 1 lost, 0 wrong, 2 unexpected, 0 hung\n"
        for ended, outcome in ((run(0), "borne"), (run(-9), "the process is killed"),
                               (run(1, f"said\n{hang}"), "hangs: lost kick"),
                               (run(1, counts), "found: 1 lost, 2 unexpected"),
                               (run(1, "", "bellwire: a request that was never submitted"),
                                "refused: a request that was never submitted")):
            self.assertEqual(said(ended), outcome)
        with self.assertRaisesRegex(HarnessError, "ended with 2: no such"):
            said(run(2, "", "no such option"))
