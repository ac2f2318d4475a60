# SPDX-License-Identifier: BSD-3-Clause
import unittest

from bellwire.ktap import Case, count, parse

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

    def test_plan_between_results_fails(self) -> None:
        self.assertEqual(outcomes("TAP version 14\nok 1 a\n1..2\nok 2 b\n"),
                         [("a", "pass"), ("report", "fail"), ("b", "pass")])

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

    def test_what_a_bail_out_leaves_out_is_not_told_again(self) -> None:
        self.assertEqual(outcomes("Bail out! no device\n"), [("bail out", "fail")])
        self.assertEqual(outcomes("TAP version 14\n1..9\nok 1 a\n    ok 1 in\n    bail out!\n"),
                         [("a", "pass"), ("in", "pass"), ("bail out", "fail")])


class PlanTest(unittest.TestCase):
    def test_all_are_skipped(self) -> None:
        for plan, reason in (("1..0 # SKIP needs root", "needs root"),
                             ("1..0 # Skipped: no KVM", "no KVM"), ("1..0", "the plan is 1..0")):
            with self.subTest(plan):
                self.assertEqual(parse(f"TAP version 13\n{plan}\n"),
                                 [Case("all tests", "skip", reason)])

    def test_all_subtests_are_skipped(self) -> None:
        text = "KTAP version 1\n1..1\n  KTAP version 1\n  1..0 # SKIP no dev\nok 1 x # SKIP\n"
        self.assertEqual(parse(text), [Case("x", "skip", "no dev")])

    def test_a_remark_is_no_part_of_it(self) -> None:
        self.assertEqual(outcomes("TAP version 13\nok 1 a\n1..1 # done\n"), [("a", "pass")])

    def test_results_beyond_a_plan_of_none_fail(self) -> None:
        self.assertEqual(outcomes("TAP version 13\n1..0 # SKIP\nok 1 a\n"),
                         [("a", "pass"), ("report", "fail")])

    def test_two_plans_fail(self) -> None:
        self.assertIn(Case("report", "fail", "two plans, 1..1 and 1..1"),
                      parse("TAP version 13\n1..1\nok 1 a\n1..1\n"))

    def test_a_number_twice_or_beyond_the_plan_fails(self) -> None:
        for numbers in ((1, 1), (1, 3), (0, 1)):
            with self.subTest(numbers):
                results = "".join(f"ok {number} a\n" for number in numbers)
                self.assertEqual(count(parse(f"TAP version 14\n1..2\n{results}"))["fail"], 1)

    def test_any_order_is_good(self) -> None:
        self.assertEqual(count(parse("TAP version 14\n1..2\nok 2 b\nok 1 a\n")),
                         {"pass": 2, "fail": 0, "skip": 0})


class ResultTest(unittest.TestCase):
    """One result line, in a report of its own."""

    def only(self, line: str) -> Case:
        (case,) = parse(f"TAP version 14\n1..1\n{line}\n")
        return case

    def test_directives(self) -> None:
        for line, wanted in (
                ("ok 1 a # SKIP no b", Case("a", "skip", "no b")),
                ("ok 1 a # skipped: no b", Case("a", "skip", "no b")),
                ("ok 1 # skip", Case("test 1", "skip")),
                ("not ok 1 a # TODO later", Case("a", "skip", "TODO: later")),
                ("not ok 1 a # XFAIL", Case("a", "skip", "XFAIL")),
                ("ok 1 a # TODO later", Case("a", "pass", "later")),
                ("not ok 1 a # TIMEOUT 45 seconds", Case("a", "fail", "TIMEOUT: 45 seconds")),
                ("ok 1 a # ERROR", Case("a", "fail", "ERROR"))):
            with self.subTest(line):
                self.assertEqual(self.only(line), wanted)

    def test_what_is_no_directive(self) -> None:
        for name in ("a # skip_me", "a #5", "a \\# SKIP b", "a#SKIP"):
            with self.subTest(name):
                self.assertEqual(self.only(f"ok 1 - {name}").outcome, "pass")

    def test_an_escape_is_taken_from_the_name(self) -> None:
        self.assertEqual(self.only(r"ok 1 - a \# SKIP \\ b"), Case("a # SKIP \\ b", "pass"))

    def test_words_that_only_begin_like_a_result(self) -> None:
        for noise in ("ok: good", "okay", "not okay", "ok-ish", "oklahoma", "1..2.3", "notok 1"):
            with self.subTest(noise):
                self.assertEqual(outcomes(f"TAP version 13\n1..1\n{noise}\nok 1 a\n"),
                                 [("a", "pass")])

    def test_a_result_without_number_or_name(self) -> None:
        self.assertEqual(self.only("not ok"), Case("test 1", "fail"))

    def test_the_kernels_time_before_each_line(self) -> None:
        for stamp in ("[    0.1] ", "<6>[   12.345678] ", "[    1.000001][  T123] "):
            with self.subTest(stamp):
                text = "".join(f"{stamp}{line}\n" for line in NESTED.splitlines())
                self.assertEqual(parse(text), parse(NESTED))

    def test_a_number_that_int_refuses_fails(self) -> None:
        digits = "9" * 5000
        for line in (f"1..{digits}\nok 1 a", f"1..1\nok {digits} a", f"1..0{digits}\nok 1 a"):
            with self.subTest(line[:20]):
                self.assertIn(("report", "fail"), outcomes(f"TAP version 14\n{line}\n"))
        self.assertEqual(outcomes(f"TAP version 14\n1..{'0' * 5000}1\nok 1 a\n"), [("a", "pass")])

    def test_digits_and_blanks_of_other_scripts_are_words(self) -> None:
        self.assertEqual(self.only("ok \u0661 a"), Case("\u0661 a", "pass"))
        self.assertEqual(outcomes("TAP version 14\n1..\u0661\nok 1 a\n"),
                         [("a", "pass"), ("report", "fail")])
        self.assertEqual(outcomes("TAP version 14\n1..1\n\u00a0not ok 1 b\nok 1 a\n"),
                         [("a", "pass")])

    def test_a_line_with_odd_letters_is_one_line(self) -> None:
        self.assertEqual(self.only("ok 1 a\x0bnot ok 2 b\u2028not ok 3 c\r").outcome, "pass")


class BlockTest(unittest.TestCase):
    def test_a_block_is_no_result_and_explains_a_failure(self) -> None:
        text = ("TAP version 14\n1..2\nnot ok 1 - a\n  ---\n  ok: false\n  not ok 7 x\n  ...\n"
                "ok 2 - b\n  ---\n  ok 1 seen\n  ...\n")
        self.assertEqual(parse(text), [Case("a", "fail", "ok: false; not ok 7 x"),
                                       Case("b", "pass")])

    def test_a_block_in_a_subtest(self) -> None:
        text = ("TAP version 14\n1..1\n# Subtest: out\n    1..1\n    not ok 1 - in\n      ---\n"
                "      1..7\n      ...\nnot ok 1 - out\n")
        self.assertEqual(parse(text), [Case("out / in", "fail", "1..7")])

    def test_a_block_that_never_ends_fails(self) -> None:
        for rest in ("", "ok 2 b\n"):
            with self.subTest(rest):
                text = f"TAP version 14\nok 1 a\n  ---\n  x: 1\n{rest}1..{1 + bool(rest)}\n"
                self.assertEqual(count(parse(text))["fail"], 1)

    def test_strict_takes_no_other_lines(self) -> None:
        text = "TAP version 14\npragma +strict\n1..1\nhello\nok 1 a\n"
        self.assertEqual(outcomes(text), [("report", "fail"), ("a", "pass")])
        self.assertEqual(outcomes(text.replace("+", "-")), [("a", "pass")])
