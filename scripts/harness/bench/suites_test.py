# SPDX-License-Identifier: BSD-3-Clause
import contextlib
import io
import unittest
from argparse import Namespace
from typing import Any
from unittest import mock

from bellwire.bench import suites
from bellwire.bench.suites import Choice
from bellwire.core.places import HarnessError


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
    return {"run_name": name, "run_type": kind, "real_time": ns, "cpu_time": ns / 2}


class Rows(unittest.TestCase):
    def test_each_benchmark_has_a_row_over_its_repetitions(self) -> None:
        found = [repetition("a", 30), repetition("b", 7), repetition("a", 10),
                 repetition("a", 20), repetition("b", 9), repetition("a", 99, "aggregate")]
        self.assertEqual(suites.rows(found),
                         [{"name": "a", "p25_ns": 10, "p50_ns": 20, "p75_ns": 30},
                          {"name": "b", "p25_ns": 7, "p50_ns": 7, "p75_ns": 9}])


class Virtqueues(unittest.TestCase):
    def verdict(self, ns: float, bare: float) -> tuple[float, float, bool]:
        """Of a queue whose request takes so many ns of CPU time, and a limit of 60."""
        found = [repetition("virtqueue, split/64", 2 * 64 * ns),
                 repetition("bare ring of the same entries/64", 2 * 64 * bare)]
        each, over = suites.of_virtqueue(found, "split", 60)
        self.assertEqual((each["limit"], over["limit"]), (60, None))
        return each["value"], over["value"], each["ok"]

    def test_a_request_takes_no_more_than_the_limit(self) -> None:
        self.assertEqual(self.verdict(60, 6), (60, 10, True))
        self.assertEqual(self.verdict(61, 6.1), (61, 10, False))

    def test_or_not_much_more_than_on_a_bare_ring(self) -> None:
        self.assertEqual(self.verdict(90, 60), (90, 1.5, True))


class StorageDaemon(unittest.TestCase):
    def test_without_it_there_is_nothing_to_compare_with(self) -> None:
        with mock.patch("shutil.which", return_value=None):
            self.assertIn("apt install qemu-system-common", suites.no_storage_daemon())
            with self.assertRaisesRegex(HarnessError, "no qemu-storage-daemon"):
                suites.run_vhost("vhost", Namespace())
