# SPDX-License-Identifier: BSD-3-Clause
import contextlib
import io
import json
import unittest
from pathlib import Path
from typing import Any
from unittest import mock

from bellwire.core.places import ROOT
from bellwire.suite import coverage, quick
from bellwire.suite.coverage import Reached
from bellwire.suite.step import Failed


def file(name: str, lines: tuple[int, int], branches: tuple[int, int]) -> dict[str, Any]:
    """As llvm-cov exports it: how many there are, and how many of them were reached."""
    return {"filename": name, "summary": {
        "lines": {"count": lines[0], "covered": lines[1], "percent": 0},
        "branches": {"count": branches[0], "covered": branches[1], "notcovered": 0, "percent": 0}}}


def document(*files: dict[str, Any]) -> Any:
    return {"data": [{"files": list(files)}]}


class CoverageTest(unittest.TestCase):
    def test_files_of_tests_libraries_and_elsewhere_are_left_out(self) -> None:
        names = ("vdev/os/fd.cpp", "vdev/os/fd_test.cpp", "vdev/testing/rig.cpp", "docs/a.cpp",
                 "host/top.cpp", "host/conform/testing/a.cpp", "vdev/ring/device_queue_fuzz.cpp")
        found = coverage.of_files(document(file("/usr/include/fmt/core.h", (9, 9), (9, 9)),
                                           *(file(f"{ROOT}/build/coverage/../../{name}", (10, 5), (4, 1))
                                             for name in names)))
        self.assertEqual(found, {"vdev/os/fd.cpp": Reached(1, 10, 5, 4, 1),
                                 "host/top.cpp": Reached(1, 10, 5, 4, 1)})

    def test_nothing_of_the_tree_is_a_failure(self) -> None:
        with self.assertRaisesRegex(Failed, "names no file of the tree"):
            coverage.of_files(document(file("/usr/include/fmt/core.h", (9, 9), (9, 9))))

    def test_a_folder_is_the_sum_of_its_files(self) -> None:
        folders = coverage.by_folder({"vdev/os/a.cpp": Reached(1, 10, 5, 4, 1),
                                      "vdev/os/b.cpp": Reached(1, 30, 25, 0, 0),
                                      "vdev/pci/observe/c.cpp": Reached(1, 2, 2, 2, 2)})
        self.assertEqual(folders, {"vdev/os": Reached(2, 40, 30, 4, 1),
                                   "vdev/pci/observe": Reached(1, 2, 2, 2, 2)})
        self.assertEqual(folders["vdev/os"].percent, (75.0, 25.0))
        self.assertEqual(Reached().percent, (100.0, 100.0))

    def report(self, lines: float, branches: float) -> tuple[int, str, str]:
        folders = {"host": Reached(1, 4, 4, 2, 2), "vdev/os": Reached(1, 200, 190, 100, 80)}
        with mock.patch.object(coverage, "FLOORS", {"vdev": (lines, branches), "host": (0, 0)}), \
                contextlib.redirect_stdout(io.StringIO()) as out, \
                contextlib.redirect_stderr(io.StringIO()) as err:
            return coverage.report(folders), out.getvalue(), err.getvalue()

    def test_what_is_at_its_floor_is_well(self) -> None:
        status, printed, said = self.report(95.0, 80.0)
        self.assertEqual((status, said), (0, ""))
        rows = [line.split() for line in printed.splitlines()]
        self.assertIn(["vdev/os", "1", "200", "95.0", "100", "80.0"], rows)
        self.assertIn(["all", "of", "vdev", "1", "200", "95.0", "100", "80.0"], rows)
        self.assertIn(["all", "of", "host", "1", "4", "100.0", "2", "100.0"], rows)

    def test_what_is_below_its_floor_is_named(self) -> None:
        status, _, said = self.report(95.1, 80.0)
        self.assertEqual((status, said), (1, "bellwire: coverage: vdev has 95.0 % of its lines "
                                             "reached: the floor is 95.1 %\n"))
        self.assertEqual(self.report(0, 80.1)[0], 1)

    def test_the_tests_that_count_are_those_of_the_tree(self) -> None:
        tests = coverage.measured()
        self.assertEqual(tests["ring"], Path("vdev/ring"))
        self.assertLess(len(coverage.LEFT_OUT), len(tests))
        self.assertTrue(set(coverage.LEFT_OUT).isdisjoint(tests))
        self.assertLessEqual(set(coverage.LEFT_OUT), set(quick.doctests()))

    def test_what_llvm_prints_before_its_document_is_passed_over(self) -> None:
        said = f"warning: 2 functions have mismatched data\n{json.dumps(document(file(str(ROOT / 'vdev/a.cpp'), (1, 1), (0, 0))))}"
        with mock.patch.object(coverage, "command", return_value=said):
            self.assertEqual(coverage.exported({"os": Path("vdev/os")}),
                             {"vdev/a.cpp": Reached(1, 1, 1, 0, 0)})
