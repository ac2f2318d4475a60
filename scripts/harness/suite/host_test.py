# SPDX-License-Identifier: BSD-3-Clause
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from bellwire.core.places import ROOT
from bellwire.report import results
from bellwire.suite import host
from bellwire.report.results import Case

REPORTING = '''
import os
import program


class Reporting(program.Checked):
    def test_one_with_a_report(self):
        with open(os.environ["BELLWIRE_SANITIZERS"] + "/report.1", "w") as file:
            file.write("heap-use-after-free")

    def test_one_without(self):
        pass
'''


class SanitizedProgramsTest(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.reports = self.folder / "reports"
        self.reports.mkdir()

    def run_tests(self, tests: Path, program: str) -> list[Case]:
        junit = self.folder / "junit.xml"
        paths = os.pathsep.join([str(ROOT / "scripts/python"), str(ROOT / "host/tests")])
        environment = os.environ | host.sanitized("asan", self.reports) | {"PYTHONPATH": paths}
        subprocess.run([sys.executable, "-m", "bellwire.suite.pytests", tests, junit], check=True,
                       env=environment | {"BELLWIRE_PROGRAM": program})
        return results.read(junit)

    def test_a_missing_program_fails_all_its_tests(self) -> None:
        cases = self.run_tests(ROOT / "host/tests", "/nowhere/bellwire")
        self.assertEqual({case.outcome for case in cases}, {"fail"})
        self.assertIn("/nowhere/bellwire", cases[0].reason)

    def test_a_sanitizers_report_fails_the_test_that_caused_it(self) -> None:
        tests = self.folder / "tests"
        tests.mkdir()
        (tests / "reporting_test.py").write_text(REPORTING)
        cases = self.run_tests(tests, "/bin/true")
        self.assertEqual([case.outcome for case in cases], ["fail", "pass"])
        self.assertIn("heap-use-after-free", cases[0].reason)

    def test_a_report_that_no_test_waited_for_is_a_failure_too(self) -> None:
        self.assertEqual(host.told_by_sanitizers(self.reports), [])
        (self.reports / "report.4711").write_text("LeakSanitizer: detected memory leaks")
        cases = host.told_by_sanitizers(self.reports)
        self.assertEqual([case.outcome for case in cases], ["fail"])
        self.assertIn("detected memory leaks", cases[0].reason)
