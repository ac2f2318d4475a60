# SPDX-License-Identifier: BSD-3-Clause
import unittest

from bellwire.report.charts import (HEIGHT, MOST_STEPS, MOST_TICKS, SQUARE, Frame, Row, Scale,
                                   Series, line_chart, log_ticks, plain_ticks, row_chart)
from bellwire.report.html import Html, document, table


class ScaleTest(unittest.TestCase):
    def test_it_holds_what_it_is_made_for_in_its_order(self) -> None:
        for values in ([1.0], [0.0], [0.02, 9e6], [0.0, 0.031, 1.05], [1000.0, 1000.0]):
            places = [Scale(values)(value) for value in values]
            self.assertEqual(places, sorted(places))
            self.assertTrue(all(0 <= place <= 100 for place in places), (values, places))

    def test_ticks_lie_around_the_values_and_are_not_too_many(self) -> None:
        self.assertEqual(log_ticks(0.09, 1.2), [0.05, 0.1, 0.2, 0.5, 1, 2])
        self.assertEqual(log_ticks(1.0, 1.0), [1, 2])
        self.assertEqual(log_ticks(1.0, 1000.0)[-1], 1000)
        for low, high in ((1e-4, 1e4), (0.9, 1.1), (3.0, 4.0)):
            found = log_ticks(low, high)
            self.assertTrue(2 <= len(found) <= MOST_TICKS, found)
            self.assertTrue(found[0] <= low and high <= found[-1], found)

    def test_nothing_has_a_place_of_its_own(self) -> None:
        scale = Scale([0.0, 1.0, 10.0])
        self.assertEqual(scale(0.0), 0)
        self.assertGreater(scale(1.0), 0)
        self.assertEqual([text for _, text in scale.marked()], ["0", "1", "2", "5", "10"])


class RowChartTest(unittest.TestCase):
    def test_marks_are_for_the_eye_and_words_for_all(self) -> None:
        drawn = row_chart("a & b", Scale([1.0]), [Row("<wire>", "<circle/>", "1 µs", "row tall")])
        self.assertIn("<figcaption>a &amp; b</figcaption>", drawn)
        self.assertIn("<li class='row tall'><span class='label'>&lt;wire&gt;</span>"
                      "<svg aria-hidden='true'>", drawn)
        self.assertIn("<circle/></svg><span class='words'>1 µs</span></li>", drawn)


class LineChartTest(unittest.TestCase):
    def test_ticks_go_from_nothing_past_the_most(self) -> None:
        self.assertEqual(plain_ticks(4300), [0, 1000, 2000, 3000, 4000, 5000])
        for most in (0.0, 0.3, 1.0, 9.9, 51_000.0):
            found = plain_ticks(most)
            self.assertEqual(found[0], 0)
            self.assertGreaterEqual(found[-1], most)
            self.assertLessEqual(len(found), MOST_STEPS + 2)

    def test_a_frame_is_logarithmic_across_and_plain_down(self) -> None:
        frame = Frame([1, 8, 64], [0, 50, 100])
        self.assertEqual([round(frame.across(each), 6) for each in (1, 8, 64)], [0, 50, 100])
        self.assertEqual([frame.down(each) for each in (0, 50, 100)], [HEIGHT, HEIGHT / 2, 0])

    def test_each_line_is_drawn_and_told(self) -> None:
        drawn = line_chart("a & b", [Series("p50 ns", [(1, 10.0), (8, 20.0)]),
                                     Series("<CPU>", [(1, 5.0), (8, 5.0)], SQUARE, hollow=True)])
        self.assertIn("p50 ns: 10 at 1, 20 at 8", drawn)
        self.assertIn("&lt;CPU&gt;: 5 at 1, 5 at 8", drawn)
        self.assertEqual(drawn.count("<rect class='first'"), 2 + 1)  # the key's
        self.assertEqual(drawn.count("<rect class='second hollow'"), 2 + 1)
        self.assertNotIn("a & b", drawn)

    def test_a_number_alone(self) -> None:
        self.assertIn("x='0.0%'", line_chart("", [Series("p50", [(1, 10.0)])]))


class PageTest(unittest.TestCase):
    def test_a_table_puts_numbers_to_the_right_and_quotes_words(self) -> None:
        text = table("some-figures", ("name", "µs"), [("<a>", 1.5), (Html("<i>b</i>"), None)])
        self.assertIn("<th scope='col'>name</th><th scope='col' class='n'>µs</th>", text)
        self.assertIn("<tr><td>&lt;a&gt;</td><td class='n'>1.5</td></tr>", text)
        self.assertIn("<tr><td><i>b</i></td><td></td></tr>", text)
        self.assertIn("aria-label='some figures'><table id='some-figures'>", text)

    def test_a_table_without_rows_still_has_headings(self) -> None:
        self.assertIn("<th scope='col'>name</th>", table("t", ("name",), []))

    def test_a_document_has_its_title_and_its_parts(self) -> None:
        text = document("a & b", "i {}", ["<p>c</p>"])
        self.assertIn("<h1>a &amp; b</h1><p>c</p>", text)
