# SPDX-License-Identifier: BSD-3-Clause
import re
import unittest
from pathlib import Path

from bellwire.core.places import ROOT
from bellwire.suite import memcheck
from bellwire.suite.step import Failed

CLEAN = "==7== ERROR SUMMARY: 0 errors from 0 contexts (suppressed: 0 from 0)\n"
REPORT = ("==8== Syscall param write(buf) points to uninitialised byte(s)\n"
          "==8== ERROR SUMMARY: 706 errors from 2 contexts (suppressed: 0 from 0)\n")
CASE = re.compile(r'TEST_CASE\("([^"]+)"')


class Reports(unittest.TestCase):
    def test_any_process_with_an_error_is_reported(self) -> None:
        said = memcheck.reported({Path("7"): CLEAN, Path("8"): REPORT})
        self.assertEqual(said, [f"8:\n{REPORT}"])
        self.assertEqual(memcheck.reported({Path("7"): CLEAN}), [])

    def test_a_program_that_memcheck_did_not_see_is_a_failure(self) -> None:
        nothing: dict[Path, str] = {}
        for said in (nothing, {Path("7"): "==7== Command: os-test\n"}):
            with self.subTest(said), self.assertRaises(Failed):
                memcheck.reported(said)

    def test_what_is_left_out_is_there(self) -> None:
        names = {name for path in (ROOT / "vdev").rglob("*_test.cpp")
                 for name in CASE.findall(path.read_text())}
        for program, tests in memcheck.LEFT_OUT.items():
            self.assertIn(program, memcheck.PROGRAMS)
            for test in tests:
                with self.subTest(test):
                    self.assertEqual(len([name for name in names
                                          if name.startswith(test.removesuffix("*"))]), 1)
