# SPDX-License-Identifier: BSD-3-Clause
import unittest

from harness.report.tables import Column, TextTable, number, text


class TablesTest(unittest.TestCase):
    def test_numbers_have_the_digits_that_mean_something(self) -> None:
        self.assertEqual([number(each) for each in (0, 5e-5, 0.03125, 1.0522, 999.96, 31_000.4)],
                         ["0", "0.00005", "0.03125", "1.052", "1,000", "31,000"])

    def test_cells(self) -> None:
        self.assertEqual([text(each) for each in (None, True, False, 1234, 0.5, "é")],
                         ["", "yes", "no", "1,234", "0.5", "é"])

    def test_words_are_left_and_figures_right(self) -> None:
        table = TextTable([Column("name", 6, left=True), Column("µs", 5), Column("lost", 4)])
        self.assertEqual(table.heading(), "name       µs  lost")
        self.assertEqual(table.row(["read", 12.5, 0]), "read     12.5     0")
        self.assertEqual(table.row(["read", None, 0]), "read              0")
        self.assertEqual(table.row(["not measured"]), "not measured")

    def test_points_stand_below_each_other(self) -> None:
        column = Column("µs", 8, decimals=1)
        self.assertEqual([column.cell(value) for value in (1234.56, 7.0, 7, None)],
                         [" 1,234.6", "     7.0", "       7", "        "])
