# SPDX-License-Identifier: BSD-3-Clause
import unittest

from bellwire.report.figures import (Column, TextTable, median, number, percentile, summarize,
                                    text)


class StatisticsTest(unittest.TestCase):
    def test_a_percentile_is_one_of_the_figures_by_nearest_rank(self) -> None:
        # The rows of vdev/core/statistics_test.cpp.
        for figures, part, expected in (
                (1, 0, 1), (1, 0.5, 1), (1, 1, 1), (2, 0.5, 1),
                (2, 0.51, 2), (3, 0.5, 2), (4, 0.25, 1), (4, 0.75, 3),
                (5, 0.25, 2), (10, 0.9, 9), (10, 0.99, 10), (100, 0.07, 7),
                (100, 0.99, 99), (101, 0.99, 100), (1000, 0.999, 999), (1000, 0, 1)):
            with self.subTest(figures=figures, part=part):
                self.assertEqual(percentile(range(1, figures + 1), part), expected)

    def test_no_figures_come_to_0(self) -> None:
        self.assertEqual(percentile([], 0.5), 0)
        self.assertEqual(summarize([]).count, 0)
        self.assertEqual(summarize([]).max, 0)

    def test_a_summary_takes_figures_in_any_order(self) -> None:
        summary = summarize([4, 1, 3, 2])
        self.assertEqual((summary.count, summary.p25, summary.p50, summary.p75, summary.p99,
                          summary.max), (4, 1, 2, 3, 4, 4))
        self.assertEqual(median([3, 1, 2]), 2)


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

    def test_a_heading_that_is_wider_than_its_column_has_several_lines(self) -> None:
        table = TextTable([Column("name", 6, left=True), Column("rings per second", 6)])
        self.assertEqual(table.heading(), "         rings\n           per\nname    second")

    def test_a_table_fits_on_a_page(self) -> None:
        TextTable([Column("", 50), Column("", 48)])
        with self.assertRaisesRegex(ValueError, "101 columns: 100 at most"):
            TextTable([Column("", 50), Column("", 49)])

    def test_words_that_would_leave_the_page_go_on_below(self) -> None:
        table = TextTable([Column("file", 80), Column("why", 4, left=True)])
        self.assertEqual(table.row(["a", "no room for these words"]),
                         f"{'a':>80}  no room for these\n{'':82}words")

    def test_points_stand_below_each_other(self) -> None:
        column = Column("µs", 8, decimals=1)
        self.assertEqual([column.cell(value) for value in (1234.56, 7.0, 7, None)],
                         [" 1,234.6", "     7.0", "       7", "        "])
