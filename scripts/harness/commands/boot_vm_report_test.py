# SPDX-License-Identifier: BSD-3-Clause
import unittest
from pathlib import Path

from bellwire.commands.boot_vm_report import judged
from bellwire.ktap import Case
from bellwire.labs.findings import Lines
from bellwire.vms.verdict import Verdict

WELL = Verdict(0, "the command ended with 0", 0)
LINE = ("a line", Path("its.log"))


class VerdictTest(unittest.TestCase):
    def test_whatever_was_found_fails_a_run_that_ended_well(self) -> None:
        bad, fine = Case("a", "fail"), Case("b", "pass")
        table: list[tuple[list[Case], Lines, Lines, str]] = [
            ([bad, fine], [], [], "1 of 2 tests in its report failed"),
            ([], [LINE], [], "the guest's kernel complained once"),
            ([fine], [LINE, LINE], [LINE],
             "the guest's kernel complained 2 times and 1 request hung"),
            ([], [], [LINE] * 3, "3 requests hung")]
        for cases, complaints, hangs, why in table:
            with self.subTest(why):
                verdict = judged(WELL, cases, complaints, hangs)
                self.assertEqual((verdict.status, verdict.command_status), (1, 0))
                self.assertEqual(verdict.reason, f"the command ended with 0, but {why}")

    def test_a_device_that_failed_counts(self) -> None:
        self.assertEqual(judged(WELL, [], [], [], [LINE, LINE]).reason,
                         "the command ended with 0, but 2 devices failed")

    def test_nothing_found_changes_nothing(self) -> None:
        self.assertEqual(judged(WELL, [Case("a", "pass"), Case("b", "skip")], [], []), WELL)

    def test_a_failure_keeps_its_status(self) -> None:
        failed = Verdict(3, "the command ended with 3", 3)
        self.assertEqual(judged(failed, [Case("a", "fail")], [LINE], [LINE]), failed)
