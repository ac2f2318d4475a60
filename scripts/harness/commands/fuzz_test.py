# SPDX-License-Identifier: BSD-3-Clause
import contextlib
import io
import re
import tempfile
import unittest
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

from bellwire.commands import fuzz, fuzz_run, fuzz_targets
from bellwire.commands.fuzz_run import Outcome, Run, outcome_of
from bellwire.commands.fuzz_targets import TARGETS, Target
from bellwire.core.places import ROOT, HarnessError

# What libFuzzer prints, shortened.
CALM = """INFO: Seed: 3293167366
#20\tINITED cov: 381 ft: 855 corp: 19/3297b exec/s: 0 rss: 35Mb
#23\tNEW    cov: 382 ft: 915 corp: 20/3389b lim: 291 exec/s: 0 rss: 35Mb L: 92/291 MS: 1 CopyPart-
#4515\tDONE   cov: 390 ft: 1512 corp: 209/21Kb lim: 291 exec/s: 903 rss: 80Mb
stat::number_of_executed_units: 4515
stat::average_exec_per_sec:     903
stat::new_units_added:          209
"""
FOUND = """#20\tINITED cov: 381 ft: 855 corp: 19/3297b exec/s: 0 rss: 35Mb
==7==ERROR: AddressSanitizer: heap-buffer-overflow on address 0x602000000f58
SUMMARY: AddressSanitizer: heap-buffer-overflow plan_fuzz.cpp:20 in LLVMFuzzerTestOneInput
artifact_prefix='{work}/found/'; Test unit written to {work}/found/crash-abc
stat::number_of_executed_units: 31
stat::average_exec_per_sec:     31
stat::new_units_added:          2
"""
# A libFuzzer that prints a text, or merges all that is not larger than 4 bytes.
PROGRAM = """#!/bin/sh
case $1 in -set_cover_merge=1) shift 3; find "$2" -type f -size -5c -exec cp {{}} "$1" ';'; exit {status} ;; esac
cat {work}/says
[ {status} != sleep ] || exec sleep 100
exit {status}
"""


@contextmanager
def a_target(says: str = CALM, status: object = 0) -> Iterator[Target]:
    """One whose program prints that and ends so."""
    with tempfile.TemporaryDirectory() as name, mock.patch.object(fuzz_targets, "BUILD", Path(name)), \
            mock.patch.object(fuzz_targets, "ROOT", Path(name)):
        target = Target("it", "folder", "corpus", 10, "what it tests")
        for folder in (target.program.parent, target.corpus, target.work / "corpus"):
            folder.mkdir(parents=True)
        (target.work / "says").write_text(says.format(work=target.work))
        target.program.write_text(PROGRAM.format(work=target.work, status=status))
        target.program.chmod(0o755)
        yield target


def outcome(target: Target) -> Outcome:
    run = Run(target, 1)
    while not run.ended(0.2):
        pass
    return run.outcome()


class RunTest(unittest.TestCase):
    def test_what_a_calm_run_comes_to(self) -> None:
        with a_target() as target:
            self.assertEqual(outcome(target), Outcome(4515, 903, 381, 390, 209))

    def test_a_finding_has_the_line_that_repeats_it(self) -> None:
        with a_target(FOUND, 77) as target:
            found = outcome(target)
            self.assertEqual((found.executions, found.edges_at_end), (31, 381))
            self.assertEqual(found.finding.splitlines(), [
                "AddressSanitizer: heap-buffer-overflow plan_fuzz.cpp:20 in LLVMFuzzerTestOneInput",
                f"  again: {target.program} {target.work}/found/crash-abc",
                f"  its log: {target.work}/log"])

    def test_a_program_that_does_not_start_is_a_finding(self) -> None:
        with a_target("", 3) as target:
            found = outcome(target)
            self.assertIsNone(found.executions)
            self.assertEqual(found.finding.splitlines()[0], "it-fuzz ended with 3")

    def test_one_that_does_not_end_is_killed_and_a_finding(self) -> None:
        with a_target(CALM, "sleep") as target, mock.patch.object(fuzz_run, "GRACE", -1):
            self.assertTrue(outcome(target).finding.startswith("it-fuzz was killed by SIGKILL"))

    def test_one_that_a_signal_asked_to_end_found_nothing(self) -> None:
        with a_target(CALM, fuzz_run.INTERRUPTED) as target:
            self.assertEqual(outcome(target).finding, "")

    def test_a_log_that_is_cut_anywhere_is_read(self) -> None:
        with a_target() as target:
            for end in range(len(FOUND)):
                log = target.work / "cut"
                log.write_text(FOUND[:end])
                self.assertTrue(outcome_of(target, log, 77).finding)


class CampaignTest(unittest.TestCase):
    def campaign(self, target: Target, begin: fuzz.Begin = Run) -> tuple[object, str]:
        """Its status, and what it printed."""
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            try:
                return fuzz.Campaign(begin).run([target, target], 1, 1), printed.getvalue()
            except SystemExit as ended:
                return ended.code, printed.getvalue()

    def test_a_row_for_each_target(self) -> None:
        with a_target() as target:
            status, printed = self.campaign(target)
            self.assertEqual(status, 0)
            self.assertEqual(printed.splitlines()[0], "1 s for each target, 1 at a time")
            self.assertEqual([line.split() for line in printed.splitlines()[-2:]],
                             [["it", "4,515", "903", "381", "390", "209", "0"]] * 2)

    def test_a_finding_does_not_end_the_others(self) -> None:
        with a_target(FOUND, 77) as target:
            status, printed = self.campaign(target)
            self.assertEqual((status, printed.count("again: ")), (1, 2))

    def test_a_signal_ends_what_runs_and_prints_what_is_known(self) -> None:
        class Interrupted(Run):
            def ended(self, seconds: float) -> bool:
                while not self._child.log.read_text().endswith("209\n"):
                    pass
                raise SystemExit(130)

        with a_target(CALM, "sleep") as target:
            status, printed = self.campaign(target, Interrupted)
            self.assertEqual(status, 130)
            self.assertIn("4,515", printed)


class MergeTest(unittest.TestCase):
    def merged(self, target: Target, inputs: list[bytes]) -> tuple[int, int]:
        for number, content in enumerate(inputs):
            (target.work / "corpus" / str(number)).write_bytes(content)
        (target.corpus / "seed").write_bytes(b"seed")
        return fuzz_run.merge(target)

    def test_what_reaches_new_code_is_named_by_its_content(self) -> None:
        with a_target() as target:
            self.assertEqual(self.merged(target, [b"abc", b"larger"]), (1, 0))
            self.assertEqual(sorted(path.name for path in target.corpus.iterdir()),
                             ["fuzzed-a9993e36", "seed"])

    def test_the_corpus_stays_small(self) -> None:
        with a_target() as target, mock.patch.object(fuzz_run, "MOST_FILES", 3):
            self.assertEqual(self.merged(target, [b"1", b"22", b"333", b"4444"]), (2, 2))
            self.assertEqual(sorted(path.read_bytes() for path in target.corpus.iterdir()),
                             [b"333", b"4444", b"seed"])

    def test_a_large_input_is_not_asked(self) -> None:
        with a_target() as target, mock.patch.object(fuzz_run, "MOST_BYTES", 2):
            self.assertEqual(self.merged(target, [b"1", b"333"]), (1, 0))

    def test_a_merge_that_fails_names_its_log(self) -> None:
        with a_target(status=1) as target, self.assertRaisesRegex(HarnessError, "can't merge.*merge.log"):
            self.merged(target, [b"1"])


class TargetsTest(unittest.TestCase):
    def test_each_is_declared_and_has_a_small_corpus(self) -> None:
        for name, target in TARGETS.items():
            with self.subTest(name):
                self.assertEqual(name, target.name)
                self.assertRegex((ROOT / target.folder / "CMakeLists.txt").read_text(),
                                 rf"(?m)^bellwire_fuzz\({name}$")
                self.assertIn(len(list(target.corpus.iterdir())),
                              range(3, fuzz_run.MOST_FILES + 1))

    def test_the_page_lists_them(self) -> None:
        page = (ROOT / "docs/fuzzing.md").read_text()
        self.assertEqual(re.findall(r"(?m)^\| `([\w-]+)` \| (.*) \|$", page),
                         [(target.name, target.what) for target in TARGETS.values()])

    def test_none_is_left_out(self) -> None:
        declared = [path for top in ("vdev", "host") for path in (ROOT / top).rglob("CMakeLists.txt")
                    if "\nbellwire_fuzz(" in path.read_text()]
        self.assertEqual({path.parent.relative_to(ROOT) for path in declared},
                         {Path(target.folder) for target in TARGETS.values()})
