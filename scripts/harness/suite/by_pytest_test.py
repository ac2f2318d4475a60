# SPDX-License-Identifier: BSD-3-Clause
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

from bellwire.report import results
from bellwire.report.results import Case

SUITE = '''
import pytest

def test_that_passes(): pass

@pytest.mark.parametrize("how", ["by_hand"])
def test_that_fails(how):
    print("said")
    assert 6 * 7 == 41

def test_that_is_skipped(): pytest.skip("no KVM")

@pytest.fixture
def broken():
    yield
    raise OSError("not undone")

def test_whose_end_fails(broken): pass

def test_with_parts(subtest):
    with subtest("well"): pass
    with subtest("ill"): assert False
'''

WAITING = '''
import pathlib, time, pytest

@pytest.fixture
def place():
    yield pathlib.Path(__file__).parent
    pathlib.Path(__file__).with_name("undone").touch()

def test_that_waits(place):
    (place / "begun").touch()
    time.sleep(60)

def test_after_it(): pass
'''

RUN = """
import sys
from pathlib import Path
from bellwire.report import results
from bellwire.suite import by_pytest
results.write(Path(sys.argv[2]), by_pytest.run("--rootdir", Path(sys.argv[1]).parent, sys.argv[1]))
"""


class ByPytestTest(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))

    def start(self, suite: str) -> subprocess.Popen[str]:
        """In a process of its own, as each step."""
        file = self.folder / "suite.py"
        file.write_text(suite)
        return subprocess.Popen([sys.executable, "-c", RUN, file, self.folder / "cases.xml"],
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def cases(self, process: subprocess.Popen[str]) -> dict[str, Case]:
        said, _ = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 0, said)
        return {case.name: case for case in results.read(self.folder / "cases.xml")}

    def test_each_test_and_subtest_is_a_case(self) -> None:
        found = self.cases(self.start(SUITE))
        self.assertEqual({name: case.outcome for name, case in found.items()}, {
            "that passes": "pass", "that fails [by_hand]": "fail", "that is skipped": "skip",
            "whose end fails": "fail", "with parts [well]": "pass", "with parts [ill]": "fail",
            "with parts": "fail"})
        self.assertIn("assert (6 * 7) == 41", found["that fails [by_hand]"].reason)
        self.assertIn("-- Captured stdout call --\nsaid", found["that fails [by_hand]"].reason)
        self.assertIn("no KVM", found["that is skipped"].reason)
        self.assertIn("not undone", found["whose end fails"].reason)

    def test_a_suite_that_can_not_be_read(self) -> None:
        found = self.cases(self.start("import nosuch"))
        self.assertEqual({case.outcome for case in found.values()}, {"fail"})
        self.assertIn("No module named 'nosuch'", "".join(case.reason for case in found.values()))

    def test_no_test_at_all(self) -> None:
        found = self.cases(self.start(""))
        self.assertEqual(found["pytest"].reason, "it ended with NO_TESTS_COLLECTED")

    def test_when_it_is_asked_to_end_it_undoes_what_it_did(self) -> None:
        process = self.start(WAITING)
        deadline = time.monotonic() + 60
        while not (self.folder / "begun").exists():
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        found = self.cases(process)
        self.assertEqual({name: case.outcome for name, case in found.items()}, {"pytest": "fail"})
        self.assertTrue((self.folder / "undone").exists())
