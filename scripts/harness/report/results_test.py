# SPDX-License-Identifier: BSD-3-Clause
import tempfile
import unittest
import xml.etree.ElementTree as xml
from pathlib import Path

from bellwire.report import results
from bellwire.report.results import Case, Usage

CTEST = """<testsuite name="Linux-c++" tests="3" failures="1" disabled="0" skipped="1">
<testcase name="os" time="0.25" status="run"><system-out>fine</system-out></testcase>
<testcase name="ring" time="1.5" status="fail"><failure message=""/>
<system-out>queue_test.cpp:7: ERROR</system-out></testcase>
<testcase name="kvm" time="0" status="notrun"><skipped message="SKIP_RETURN_CODE=77"/></testcase>
</testsuite>"""


class ResultsTest(unittest.TestCase):
    def setUp(self) -> None:
        self.file = Path(self.enterContext(tempfile.TemporaryDirectory())) / "results.xml"

    def test_what_ctest_writes_is_read(self) -> None:
        self.file.write_text(CTEST)
        self.assertEqual(results.read(self.file), [
            Case("os", seconds=0.25),
            Case("ring", "fail", "queue_test.cpp:7: ERROR", 1.5),
            Case("kvm", "skip", "SKIP_RETURN_CODE=77"),
        ])

    def test_what_was_written_is_read(self) -> None:
        cases = [Case("a", seconds=1.5), Case("b", "skip", "no b"), Case("c", "fail", "1\n2")]
        results.write(self.file, cases)
        self.assertEqual(results.read(self.file), cases)

    def test_the_gist_of_a_failure_is_found_among_warnings(self) -> None:
        warnings = ["bellwire: warning: echo: the driver broke queue 0"] * 50
        wrong = ["a_test.cpp:7:", "TEST CASE:  a ring", "  of one",
                 "a_test.cpp:9: ERROR: CHECK( lost == 0 ) is NOT correct!",
                 "  values: CHECK( 1 == 0 )"]
        self.assertEqual(results.gist("\n".join([*warnings, *wrong, *warnings])), wrong[1:])
        self.assertEqual(results.gist("\n".join(wrong * 9), most=3), wrong[1:4])

    def test_without_a_telling_line_the_gist_is_the_end(self) -> None:
        self.assertEqual(results.gist("1\n2\n\n3\n4\n"), ["2", "3", "4"])

    def test_each_suite_has_its_cases_and_counts(self) -> None:
        results.write(self.file, [Case("a", suite="host"), Case("b", "skip", "no b", suite="vm"),
                                  Case("c", "fail", "first\nlast\x1b", suite="vm")])
        host, vm = xml.parse(self.file).getroot()
        self.assertEqual((host.get("name"), host.get("tests"), host.get("failures")),
                         ("host", "1", "0"))
        self.assertEqual((vm.get("tests"), vm.get("failures"), vm.get("skipped")), ("2", "1", "1"))
        self.assertEqual(vm.findall("testcase/failure")[0].get("message"), "last")

    def test_what_each_step_took(self) -> None:
        usage = {"host": Usage(12.5, 20.3, 0.04), "build": Usage(3.25, 6, 0)}
        results.write(self.file, [Case("a", seconds=1, suite="host"), Case("b", suite="vm")], usage)
        self.assertEqual(results.read_usage(self.file), usage)
        self.assertEqual([case.name for case in results.read(self.file)], ["a", "b"])
        self.assertEqual([suite.get("time") for suite in xml.parse(self.file).getroot()],
                         ["12.500", "3.250", "0.000"])

    def test_the_closing_line(self) -> None:
        cases = [Case("a"), Case("b"), Case("c", "skip")]
        self.assertEqual(results.summary(cases), "2 passed, 0 failed, 1 skipped")
        self.assertEqual(results.summary(cases, always=["pass"]), "2 passed, 1 skipped")
