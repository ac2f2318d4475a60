# SPDX-License-Identifier: BSD-3-Clause
import contextlib
import io
import json
import tempfile
import unittest
from pathlib import Path

from bellwire.commands import matrix
from bellwire.report import results
from bellwire.report.results import Case


class MatrixCommandTest(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))

    def run_it(self, *argv: str | Path) -> tuple[int, str]:
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            status = matrix.main([str(word) for word in argv])
        return status, out.getvalue()

    def cells(self) -> Path:
        file = self.folder / "cells.json"
        file.write_text(self.run_it("--kernel", "6.1", "6.12", "--device", "echo")[1])
        return file

    def result(self, cell: str, *cases: Case) -> Path:
        file = self.folder / f"results-{cell}.xml"
        results.write(file, cases)
        return file

    def test_formats(self) -> None:
        for name, key in (("json", "include"), ("github", "include"), ("gitlab", "echo-6.1"),
                          ("kubernetes", "items")):
            status, out = self.run_it("--format", name, "--kernel", "6.1", "--device", "echo")
            self.assertEqual(status, 0)
            self.assertIn(key, json.loads(out))

    def test_results_of_all_cells(self) -> None:
        files = [self.result(cell, Case("one"), Case("two", "skip", "no KVM"))
                 for cell in ("echo-6.1", "echo-6.12")]
        out = self.folder / "all.xml"
        status, said = self.run_it("--merge", *files, "--of", self.cells(), "--out", out)
        self.assertEqual(status, 0)
        self.assertEqual(said, "echo-6.1: 1 passed, 0 failed, 1 skipped\n"
                               "echo-6.12: 1 passed, 0 failed, 1 skipped\n")
        self.assertEqual([case.name for case in results.read(out)], ["one", "two"] * 2)

    def test_a_failure_a_missing_cell_and_a_broken_report(self) -> None:
        good = self.result("echo-6.1", Case("one"))
        bad = self.result("echo-6.12", Case("one", "fail", "it hung"))
        self.assertEqual(self.run_it("--merge", good, "--of", self.cells()),
                         (1, "echo-6.1: 1 passed, 0 failed, 0 skipped\n"
                             "echo-6.12: 0 passed, 1 failed, 0 skipped\n"))
        self.assertEqual(self.run_it("--merge", good, bad)[0], 1)
        self.assertEqual(self.run_it("--merge", good)[0], 0)
        for broken in ("", "<testsuites>", "<testsuites/>"):
            good.write_text(broken)
            self.assertEqual(self.run_it("--merge", good)[0], 1)
