# SPDX-License-Identifier: BSD-3-Clause
"""`bellwire scenario` as a program, and the page that shows its runs. That each scenario does what it
promises is tested in host/scenario, too."""

import json
import re
import subprocess
import sys

from program import ROOT
from programs_test import USAGE, ProgramCase

sys.path.insert(0, str(ROOT / "scripts/python"))
from bellwire.commands import scenario_pages  # noqa: E402
from bellwire.report import marked  # noqa: E402

PAGE = 100  # columns


def without_times(lines: str) -> str:
    return re.sub(r"(?m)^ *\d+\.\d ", "", lines)


class Scenario(ProgramCase):
    def scenario(self, *words: str, status: int = 0) -> subprocess.CompletedProcess[str]:
        run = self.run_program("scenario", *words)
        self.assertEqual(run.returncode, status, run.stderr)
        return run

    def names(self) -> list[str]:
        return [each["scenario"] for each in json.loads(self.scenario("list", "--json").stdout)]

    def test_each_survives_as_it_is_and_fails_with_its_defect(self) -> None:
        for name in self.names():
            with self.subTest(name):
                played = json.loads(self.scenario("run", name, "--json").stdout)
                as_it_is, broken = played["runs"]
                self.assertEqual((as_it_is["defect"], as_it_is["finding"]), (False, None))
                self.assertTrue(broken["defect"])
                self.assertEqual(broken["finding"]["last"], played["last"])
                self.assertIn("DEFECT", "".join(line["what"] for line in broken["log"]))
                self.assertNotIn("DEFECT", "".join(line["what"] for line in as_it_is["log"]))

    def test_the_list_fits_on_the_page_and_names_each_source(self) -> None:
        lines = self.scenario("list").stdout.splitlines()
        self.assertEqual([line.split()[0] for line in lines[1:]], self.names())
        for line in lines:
            self.assertLessEqual(len(line), PAGE)
        for line in lines[1:]:
            self.assertRegex(line, r"\(#\d+\)$")

    def test_the_defect_alone(self) -> None:
        (run,) = json.loads(self.scenario("run", "pause", "--defect", "--json").stdout)["runs"]
        self.assertTrue(run["defect"])
        self.assertIn("lost interrupt", run["finding"]["sentence"])

    def test_the_page_shows_what_is_printed(self) -> None:
        page = scenario_pages.DOC.read_text()
        printed = {"list": self.scenario("list").stdout}
        for name in self.names():
            printed[name] = scenario_pages.runs(self.scenario("run", name).stdout)
        for mark, lines in printed.items():
            with self.subTest(mark):
                self.assertEqual(without_times(marked.between(page, mark)),
                                 without_times(scenario_pages.fenced(lines)),
                                 "run scripts/scenario-pages")

    def test_what_is_wrong_is_named(self) -> None:
        for words, said in ((("run", "pauze"), "there is no scenario 'pauze': choose of pause, "),
                            (("run",), "NAME"), ((), "subcommand"), (("play",), "play"),
                            (("run", "pause", "--more"), "--more")):
            with self.subTest(words):
                run = self.scenario(*words, status=USAGE)
                self.assertEqual(len(run.stderr.strip().splitlines()), 1, run.stderr)
                self.assertIn(said, run.stderr)
