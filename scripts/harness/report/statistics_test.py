# SPDX-License-Identifier: BSD-3-Clause
import unittest

from harness.report.statistics import median, percentile, summarize


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
