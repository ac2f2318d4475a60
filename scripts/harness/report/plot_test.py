# SPDX-License-Identifier: BSD-3-Clause
import unittest

from harness.report.plot import MOST_TICKS, Row, Scale, plot, ticks


class ScaleTest(unittest.TestCase):
    def test_it_holds_what_it_is_made_for_in_its_order(self) -> None:
        for values in ([1.0], [0.0], [0.02, 9e6], [0.0, 0.031, 1.05], [1000.0, 1000.0]):
            places = [Scale(values)(value) for value in values]
            self.assertEqual(places, sorted(places))
            self.assertTrue(all(0 <= place <= 100 for place in places), (values, places))

    def test_ticks_lie_around_the_values_and_are_not_too_many(self) -> None:
        self.assertEqual(ticks(0.09, 1.2), [0.05, 0.1, 0.2, 0.5, 1, 2])
        self.assertEqual(ticks(1.0, 1.0), [1, 2])
        self.assertEqual(ticks(1.0, 1000.0)[-1], 1000)
        for low, high in ((1e-4, 1e4), (0.9, 1.1), (3.0, 4.0)):
            found = ticks(low, high)
            self.assertTrue(2 <= len(found) <= MOST_TICKS, found)
            self.assertTrue(found[0] <= low and high <= found[-1], found)

    def test_nothing_has_a_place_of_its_own(self) -> None:
        scale = Scale([0.0, 1.0, 10.0])
        self.assertEqual(scale(0.0), 0)
        self.assertGreater(scale(1.0), 0)
        self.assertEqual([text for _, text in scale.marked()], ["0", "1", "2", "5", "10"])


class PlotTest(unittest.TestCase):
    def test_marks_are_for_the_eye_and_words_for_all(self) -> None:
        drawn = plot("a & b", Scale([1.0]), [Row("<wire>", "<circle/>", "1 µs", "row tall")])
        self.assertIn("<figcaption>a &amp; b</figcaption>", drawn)
        self.assertIn("<li class='row tall'><span class='label'>&lt;wire&gt;</span>"
                      "<svg aria-hidden='true'>", drawn)
        self.assertIn("<circle/></svg><span class='told'>1 µs</span></li>", drawn)
