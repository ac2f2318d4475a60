# SPDX-License-Identifier: BSD-3-Clause
import argparse
import contextlib
import io
import json
import tempfile
import unittest
from pathlib import Path
from typing import Any
from unittest import mock

from bellwire.bench import suites
from bellwire.bench.suites import Choice
from bellwire.commands import bench
from bellwire.core.places import HarnessError


class Options(unittest.TestCase):
    def refused(self, *argv: str) -> str:
        said = io.StringIO()
        with contextlib.redirect_stderr(said), self.assertRaises(SystemExit):
            bench._options(argv)
        return said.getvalue()

    def test_no_suite_or_several_can_be_named(self) -> None:
        self.assertEqual(bench._options([]).suite, [])
        self.assertEqual(bench._options(["wire", "boot"]).suite, ["wire", "boot"])

    def test_what_is_wrong_is_named_with_what_there_is(self) -> None:
        self.assertIn("no suite 'wires': choose from wire, kvm, ", self.refused("wires"))
        self.assertIn("--rounds 0: choose 1 to 1000", self.refused("--rounds", "0"))
        self.assertIn("--page /nowhere/x: its folder does not exist",
                      self.refused("--page", "/nowhere/x"))


def measured(ok: bool | None) -> Choice:
    ratio = {"name": "ours / bare", "value": 1.5, "spread": [1.0, 2.0], "limit": 1.0, "ok": ok}
    return Choice("", lambda name, _: {"suite": name, "machine": {}, "rounds": 1, "columns": {},
                                       "rows": [], "ratios": [] if ok is None else [ratio]})


def broken(name: str, _: object) -> dict[str, Any]:
    raise HarnessError("its guest died")


@mock.patch.object(suites, "SUITES", {"kept": measured(True), "missed": measured(False),
                                      "plain": measured(None), "broken": Choice("", broken)})
@mock.patch.object(bench, "SUITES", ("kept", "missed", "plain", "broken"))
@mock.patch.object(bench, "_options", lambda argv: argparse.Namespace(
    suite=argv[1:], check=True, page=None, docs=False, json=Path(argv[0])))
class Verdicts(unittest.TestCase):
    def bench(self, *names: str) -> int:
        self.json = Path(self.enterContext(tempfile.TemporaryDirectory()), "figures.json")
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            return bench.main([str(self.json), *names])

    def test_a_limit_that_is_kept_or_missed(self) -> None:
        self.assertEqual(self.bench("kept"), 0)
        self.assertEqual(self.bench("kept", "missed"), 1)

    def test_nothing_to_check_is_no_success(self) -> None:
        self.assertEqual(self.bench("plain"), 1)

    def test_figures_outlive_the_failure_of_a_later_suite(self) -> None:
        self.assertEqual(self.bench("kept", "broken"), 1)
        run = json.loads(self.json.read_text())
        self.assertEqual([suite["suite"] for suite in run["suites"]], ["kept"])
        self.assertEqual(run["left_out"], {"broken": "its guest died"})

    def test_figures_outlive_our_own_end(self) -> None:
        def interrupted(name: str, _: object) -> dict[str, Any]:
            raise KeyboardInterrupt

        with mock.patch.dict(suites.SUITES, stops=Choice("", interrupted)):
            with self.assertRaises(KeyboardInterrupt):
                self.bench("kept", "stops")
        self.assertEqual(len(json.loads(self.json.read_text())["suites"]), 1)
