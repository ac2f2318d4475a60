# SPDX-License-Identifier: BSD-3-Clause
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from bellwire.image import kernel
from bellwire.suite import static
from bellwire.suite.step import Failed


class StaticTest(unittest.TestCase):
    def setUp(self) -> None:
        self.inputs = "as they are"
        self.check = self.enterContext(mock.patch.object(static, "check"))
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.enterContext(mock.patch.object(static, "LOGS", folder))
        self.enterContext(mock.patch.object(static, "inputs_of", lambda _: self.inputs))
        self.enterContext(mock.patch.object(kernel, "get"))

    def test_a_module_is_checked_again_when_something_changed(self) -> None:
        static.module("6.1")
        static.module("6.1")
        self.assertEqual(self.check.call_count, 1)
        self.inputs = "changed"
        static.module("6.1")
        self.assertEqual(self.check.call_count, 2)
        static.module("6.12")
        self.assertEqual(self.check.call_count, 3)

    def test_a_module_with_a_fault_is_checked_again(self) -> None:
        self.check.side_effect = Failed("a warning")
        for _ in range(2):
            with self.assertRaisesRegex(Failed, "a warning"):
                static.module("6.1")
        self.assertEqual(self.check.call_count, 2)
