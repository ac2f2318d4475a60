# SPDX-License-Identifier: BSD-3-Clause
import unittest

from harness.bench.suite import Ratio

ROUNDS = [{"ours": {"us": ours}, "theirs": {"us": theirs}}
          for ours, theirs in ((3, 2), (10, 10), (2, 4))]


class RatioTest(unittest.TestCase):
    def test_it_is_the_middle_of_the_rounds_ratios(self) -> None:
        ratio = Ratio("ours / theirs", "us", "ours", "theirs", 1.0).of(ROUNDS)
        self.assertEqual((ratio["value"], ratio["spread"], ratio["ok"]), (1.0, [0.5, 1.5], True))

    def test_over_its_limit(self) -> None:
        self.assertFalse(Ratio("", "us", "ours", "theirs", 0.9).of(ROUNDS)["ok"])

    def test_without_a_limit_it_is_never_over(self) -> None:
        self.assertTrue(Ratio("", "us", "ours", "theirs", None).of(ROUNDS)["ok"])

    def test_a_figure_as_it_is(self) -> None:
        self.assertEqual(Ratio("", "us", "ours", None, 1.0).of(ROUNDS)["value"], 3)
