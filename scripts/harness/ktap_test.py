# SPDX-License-Identifier: BSD-3-Clause
import unittest

from harness.ktap import Case, count, parse

NESTED = """\
KTAP version 1
1..2
    KTAP version 1
    # Subtest: ring
    1..3
    ok 1 read
    # lost 3 of 10000
    not ok 2 poll
    ok 3 callback # SKIP no eventfd
not ok 1 ring
ok 2 - info
"""


def outcomes(text: str) -> list[tuple[str, str]]:
    return [(case.name, case.outcome) for case in parse(text)]


class ParseTest(unittest.TestCase):
    def test_nested(self) -> None:
        self.assertEqual(parse(NESTED), [
            Case("ring / read", "pass"),
            Case("ring / poll", "fail", "lost 3 of 10000"),
            Case("ring / callback", "skip", "no eventfd"),
            Case("info", "pass"),
        ])

    def test_counts(self) -> None:
        self.assertEqual(count(parse(NESTED)), {"pass": 2, "fail": 1, "skip": 1})

    def test_reports_one_behind_the_other(self) -> None:
        self.assertEqual(count(parse(NESTED + NESTED))["pass"], 4)

    def test_nothing_is_no_case(self) -> None:
        self.assertEqual(parse("hello\n"), [])

    def test_truncated_plan_fails(self) -> None:
        self.assertEqual(parse("KTAP version 1\n1..3\nok 1 a\n")[-1],
                         Case("report", "fail", "3 tests planned, 1 reported"))

    def test_missing_plan_fails(self) -> None:
        self.assertEqual(outcomes("KTAP version 1\nok 1 a\n"), [("a", "pass"), ("report", "fail")])

    def test_version_alone_fails(self) -> None:
        self.assertEqual(outcomes("TAP version 14\n"), [("report", "fail")])

    def test_plan_at_the_end(self) -> None:
        self.assertEqual(outcomes("TAP version 13\nok 1 a\n1..1\n"), [("a", "pass")])

    def test_cut_off_in_a_subtest_fails(self) -> None:
        cut = NESTED[:NESTED.index("not ok 1 ring")]
        self.assertEqual(count(parse(cut))["fail"], 3)  # poll, the missing line, the plan

    def test_failed_parent_of_passed_subtests_fails(self) -> None:
        text = "KTAP version 1\n1..1\n  KTAP version 1\n  1..1\n  ok 1 in\nnot ok 1 out\n"
        self.assertEqual(outcomes(text), [("out / in", "pass"), ("out", "fail")])

    def test_noise_between(self) -> None:
        self.assertEqual(outcomes(NESTED.replace("    ok 1 read", "noise\n    ok 1 read")),
                         outcomes(NESTED))

    def test_bail_out_fails(self) -> None:
        self.assertIn(Case("bail out", "fail", "no device"),
                      parse("TAP version 13\n1..1\nok 1 a\nBail out! no device\n"))
