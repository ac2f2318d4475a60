# SPDX-License-Identifier: BSD-3-Clause
import unittest

from bellwire.core.places import HarnessError
from bellwire.report import marked


class MarkedTest(unittest.TestCase):
    def test_only_what_is_between_the_marks_is_replaced(self) -> None:
        page = "a\n<!-- x -->\nold\n<!-- /x -->\nb\n"
        self.assertEqual(marked.replaced(page, "x", "new\n"), "a\n<!-- x -->\nnew\n<!-- /x -->\nb\n")
        self.assertEqual(marked.between(page, "x"), "old\n")

    def test_marks_that_are_missing_are_named(self) -> None:
        for page in ("a\n", "<!-- x -->\n", "<!-- /x -->\n"):
            with self.subTest(page), self.assertRaisesRegex(HarnessError, "no marks <!-- x --> and"):
                marked.replaced(page, "x", "new\n")
