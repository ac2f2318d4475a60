# SPDX-License-Identifier: BSD-3-Clause
import unittest

from bellwire.commands import restart_matrix
from bellwire.commands.restart_matrix import STAGES
from bellwire.report import marked


class RestartMatrixTest(unittest.TestCase):
    def test_a_row_for_each_stage(self) -> None:
        lines = restart_matrix.table(["killed …", "one"], [[f"a|{at}" for at in range(len(STAGES))]])
        first, rule, *rows = lines.splitlines()
        self.assertEqual((first, rule), ("| killed … | one |", "| --- | --- |"))
        self.assertEqual(rows[1], f"| {STAGES[1].what} | a\\|1 |")
        self.assertEqual(len(rows), len(STAGES))

    def test_the_page_has_a_row_for_each_stage(self) -> None:
        found = marked.between(restart_matrix.DOC.read_text(), restart_matrix.MARKS)
        for stage in STAGES:
            self.assertIn(f"| {stage.what} |", found)
