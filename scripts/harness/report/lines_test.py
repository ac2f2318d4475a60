# SPDX-License-Identifier: BSD-3-Clause
import unittest

from harness.report.lines import HEIGHT, MOST_TICKS, SQUARE, Frame, Line, lines, ticks


class LinesTest(unittest.TestCase):
    def test_ticks_go_from_nothing_past_the_most(self) -> None:
        self.assertEqual(ticks(4300), [0, 1000, 2000, 3000, 4000, 5000])
        for most in (0.0, 0.3, 1.0, 9.9, 51_000.0):
            found = ticks(most)
            self.assertEqual(found[0], 0)
            self.assertGreaterEqual(found[-1], most)
            self.assertLessEqual(len(found), MOST_TICKS + 2)

    def test_a_frame_is_logarithmic_across_and_plain_down(self) -> None:
        frame = Frame([1, 8, 64], [0, 50, 100])
        self.assertEqual([round(frame.across(each), 6) for each in (1, 8, 64)], [0, 50, 100])
        self.assertEqual([frame.down(each) for each in (0, 50, 100)], [HEIGHT, HEIGHT / 2, 0])

    def test_each_line_is_drawn_and_told(self) -> None:
        drawn = lines("a & b", [Line("p50 ns", [(1, 10.0), (8, 20.0)]),
                                Line("<CPU>", [(1, 5.0), (8, 5.0)], SQUARE, hollow=True)])
        self.assertIn("p50 ns: 10 at 1, 20 at 8", drawn)
        self.assertIn("&lt;CPU&gt;: 5 at 1, 5 at 8", drawn)
        self.assertEqual(drawn.count("<rect class='first'"), 2 + 1)  # the key's
        self.assertEqual(drawn.count("<rect class='second hollow'"), 2 + 1)
        self.assertNotIn("a & b", drawn)

    def test_a_number_alone(self) -> None:
        self.assertIn("x='0.0%'", lines("", [Line("p50", [(1, 10.0)])]))
