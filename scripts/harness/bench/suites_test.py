# SPDX-License-Identifier: BSD-3-Clause
import contextlib
import io
import unittest
from argparse import Namespace
from typing import Any
from unittest import mock

from harness.bench import suites
from harness.bench.suites import Choice
from harness.core.places import HarnessError


def fine(name: str, _: Namespace) -> dict[str, Any]:
    return {"suite": name, "machine": {}}


def broken(name: str, _: Namespace) -> dict[str, Any]:
    raise HarnessError(f"no {name} today")


def surprising(name: str, _: Namespace) -> dict[str, Any]:
    figures: dict[str, float] = {}
    return {"p50": figures["p50"]}


CHOICES = {"a": Choice("", fine), "b": Choice("", fine, missing=lambda: "no b here"),
           "c": Choice("", broken), "d": Choice("", fine, usual=False),
           "e": Choice("", surprising, usual=False)}


@mock.patch.object(suites, "SUITES", CHOICES)
class Suites(unittest.TestCase):
    def setUp(self) -> None:
        self.said = io.StringIO()
        for redirect in (contextlib.redirect_stdout, contextlib.redirect_stderr):
            self.enterContext(redirect(self.said))

    def test_the_usual_ones_that_can_be(self) -> None:
        self.assertEqual(suites.choose([]), (["a", "c"], {"b": "no b here"}))
        self.assertIn("bench: without b: no b here", self.said.getvalue())

    def test_those_that_are_named_whatever_is_missing(self) -> None:
        self.assertEqual(suites.choose(["d", "b", "d"]), (["d", "b"], {}))

    def test_one_that_fails_keeps_no_other_from_it(self) -> None:
        found: dict[str, Any] = dict(suites.measure(["a", "c", "e", "d"], Namespace()))
        self.assertEqual([found[name]["suite"] for name in "ad"], ["a", "d"])
        self.assertRegex(found["a"]["machine"]["stolen"], r"^\d+ %$")
        self.assertEqual((found["c"], found["e"]), ("no c today", "KeyError: 'p50'"))
        self.assertIn("bench: c: no c today", self.said.getvalue())
        self.assertIn("Traceback", self.said.getvalue())  # of e, whose failure nobody expected


def repetition(name: str, ns: float, kind: str = "iteration") -> dict[str, Any]:
    return {"run_name": name, "run_type": kind, "real_time": ns}


class Rows(unittest.TestCase):
    def test_each_benchmark_has_a_row_over_its_repetitions(self) -> None:
        found = [repetition("a", 30), repetition("b", 7), repetition("a", 10),
                 repetition("a", 20), repetition("b", 9), repetition("a", 99, "aggregate")]
        self.assertEqual(suites.rows(found),
                         [{"name": "a", "p25_ns": 10, "p50_ns": 20, "p75_ns": 30},
                          {"name": "b", "p25_ns": 7, "p50_ns": 7, "p75_ns": 9}])
