# SPDX-License-Identifier: BSD-3-Clause
import contextlib
import io
import unittest

from harness.bench import __main__ as bench


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
        self.assertIn("there is no 'wires', but wire, kvm, ", self.refused("wires"))
        self.assertIn("--rounds 0: choose 1 to 1000", self.refused("--rounds", "0"))
        self.assertIn("--page /nowhere/x: there is no such folder",
                      self.refused("--page", "/nowhere/x"))
