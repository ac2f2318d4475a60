# SPDX-License-Identifier: BSD-3-Clause
import json
import unittest
from xml.etree import ElementTree

from bellwire.commands import lecture
from bellwire.commands.lecture_pictures import PICTURES

FIGURES = json.loads((lecture.FOLDER / lecture.FIGURES).read_text())


class LectureTest(unittest.TestCase):
    def test_the_pages_and_pictures_are_those_of_the_figures(self) -> None:
        for path, text in lecture.drawn(FIGURES).items():
            with self.subTest(path.name):
                self.assertEqual(path.read_text(), text, "run scripts/lecture --draw")

    def test_every_picture_has_its_place_on_a_page(self) -> None:
        pages = "".join(page.read_text() for page in lecture.FOLDER.glob("*.md"))
        for name in (*(picture.name for picture in PICTURES), "claims", "machine"):
            self.assertIn(f"<!-- {name} -->\n", pages)

    def test_pictures_are_svg_within_their_frame(self) -> None:
        for picture in PICTURES:
            with self.subTest(picture.name):
                root = ElementTree.fromstring(picture.draw(FIGURES))
                width, height = map(float, root.attrib["viewBox"].split()[2:])
                for mark in root:
                    self.assertLessEqual(float(mark.get("x", 0)) + float(mark.get("width", 0)), width)
                    self.assertLessEqual(float(mark.get("y", 0)) + float(mark.get("height", 0)), height)

    def test_other_figures_make_other_pictures(self) -> None:
        other = json.loads(json.dumps(FIGURES))
        other["hops"][-1]["us"] += 1000
        other["depths"][-1]["doorbells"] *= 10
        other["ways"][-1]["p50_us"] *= 10
        other["exits"]["rows"][1]["ns"] *= 10
        for picture in PICTURES:
            with self.subTest(picture.name):
                self.assertNotEqual(picture.draw(other), picture.draw(FIGURES))
                self.assertNotEqual(picture.say(other), picture.say(FIGURES))

    def test_a_stage_is_as_late_as_the_median_of_its_requests(self) -> None:
        from bellwire.labs.trace import Request
        stages = [{"name": "submitted", "side": "process"}, {"name": "kicked", "side": "guest"}]
        requests = [Request(0, index, {"submitted": 1000.0, "kicked": 1000.0 + late})
                    for index, late in enumerate((2000, 3000, 90_000))]
        self.assertEqual(lecture.medians(stages, requests),
                         [{"name": "submitted", "side": "process", "us": 0.0},
                          {"name": "kicked", "side": "module", "us": 3.0}])


if __name__ == "__main__":
    unittest.main()
