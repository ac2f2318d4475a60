# SPDX-License-Identifier: BSD-3-Clause
import unittest

from bellwire.commands import restart_matrix
from bellwire.commands.restart_matrix import BEGIN, END, STAGES
from bellwire.core.places import HarnessError


class RestartMatrixTest(unittest.TestCase):
    def test_a_row_for_each_stage(self) -> None:
        lines = restart_matrix.table(["killed …", "one"], [[f"a|{at}" for at in range(len(STAGES))]])
        first, rule, *rows = lines.splitlines()
        self.assertEqual((first, rule), ("| killed … | one |", "| --- | --- |"))
        self.assertEqual(rows[1], f"| {STAGES[1].what} | a\\|1 |")
        self.assertEqual(len(rows), len(STAGES))

    def test_the_table_replaces_the_one_before(self) -> None:
        page = f"above\n{BEGIN}old\n{END}below\n"
        self.assertEqual(restart_matrix.with_table(page, "new\n"), f"above\n{BEGIN}new\n{END}below\n")
        with self.assertRaisesRegex(HarnessError, "no marks"):
            restart_matrix.with_table("above\n", "new\n")

    def test_the_page_has_a_row_for_each_stage(self) -> None:
        page = restart_matrix.DOC.read_text()
        found = page.partition(BEGIN)[2].partition(END)[0]
        for stage in STAGES:
            self.assertIn(f"| {stage.what} |", found)
