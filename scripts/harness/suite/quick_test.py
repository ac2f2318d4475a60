# SPDX-License-Identifier: BSD-3-Clause
import io
import unittest
from contextlib import redirect_stdout
from unittest import mock

from bellwire.core.places import ROOT
from bellwire.suite import lint, quick, schedule
from bellwire.suite.schedule import Cost


def titles(path: str) -> list[str]:
    return [title for title, _ in quick.tests_of(path)]


RANG = """device echo, depth 1, worker callback, kick eventfd, wait poll, polling off
  rings lost hung duplicated corrupted doorbells interrupts p50 µs p99 µs   per s
   1000    0    0          0         0      1000       1000  176.3  491.5    4823
"""


class QuickTest(unittest.TestCase):
    def test_the_ring_in_a_vm_is_one_whose_requests_all_came_back(self) -> None:
        self.assertTrue(quick.all_completed(RANG, 1000))
        for said in ("", RANG.replace("1000    0 ", "1000    1 "), RANG.replace(" 1000    0", "   10    0"),
                     RANG.replace("0         0 ", "0         1 ")):
            with self.subTest(said):
                self.assertFalse(quick.all_completed(said, 1000))

    def test_a_file_has_the_tests_of_its_folder(self) -> None:
        for path, wanted in (
                ("vdev/ring/layout.cpp", ["quick: C++: ring"]),
                ("vdev/ring/CMakeLists.txt", ["quick: C++: ring"]),
                ("scripts/harness/suite/jobs.py", ["quick: Python: harness.suite.jobs_test"]),
                ("scripts/harness/suite/jobs_test.py", ["quick: Python: harness.suite.jobs_test"]),
                ("scripts/vmtests/late.py", ["vm: late"]),
                ("guest-kmod/module/queue.c", ["static: module 6.1", "vm: module"]),
                ("host/trace/show.py", ["host: programs: trace"]),
                ("host/rules.py", ["host: programs: programs"]),
                ("docs/README.md", [])):
            with self.subTest(path):
                self.assertEqual(titles(path), wanted)

    def test_a_module_without_a_test_has_its_folders(self) -> None:
        self.assertIn("quick: Python: harness.suite.jobs_test",
                      titles("scripts/harness/suite/levels.py"))

    def test_every_source_of_a_layer_has_a_test(self) -> None:
        untested = [path.relative_to(ROOT) for path in (ROOT / "vdev").rglob("*.cpp")
                    if not titles(str(path.relative_to(ROOT)))]
        self.assertEqual(untested, [])

    def test_the_checks_and_a_ring_run_always_and_what_takes_long_does_not(self) -> None:
        costs = {"vm: late": Cost(quick.LONGEST + 1, 1)}
        with mock.patch.object(quick, "changed", lambda: ["scripts/vmtests/late.py"]), \
                mock.patch.object(schedule, "load", lambda: costs):
            with redirect_stdout(io.StringIO()) as said:
                chosen = [step for _, step in quick.choose()]
        self.assertIn(quick.RING, chosen)
        self.assertIn(lint.STEPS[0], chosen)
        self.assertNotIn("late", [step.name for step in chosen])
        self.assertIn("left to the whole run: vm: late", said.getvalue())
