# SPDX-License-Identifier: BSD-3-Clause
import unittest

from bellwire.commands import new_device
from bellwire.suite import guide
from bellwire.suite.step import Failed

FILES = {"a.c": "int a;\nint b;\nint c;\n", "b.c": "int d;\n"}


def fenced(language: str, text: str) -> str:
    return f"Some text.\n\n```{language}\n{text}```\n"


class GuideTest(unittest.TestCase):
    def test_all_code_of_the_page_is_tried_or_taken_from_the_example(self) -> None:
        page = guide.PAGE.read_text()
        self.assertEqual(list(guide.unproven(page, new_device.files(new_device.OLD, ""))), [])
        self.assertGreater(len(guide.blocks(page)), 10)

    def test_code_that_no_file_has_is_found(self) -> None:
        for good in (fenced("c", "int b;\n"), fenced("c", "int a;\n…\nint c;\n"), fenced("", "a ─▶ b\n"),
                     fenced("sh", "true\n"), "Some `code` in text.\n  More.\n"):
            with self.subTest(good):
                self.assertEqual(list(guide.unproven(good, FILES)), [])
        for bad in (fenced("c", "int x;\n"), fenced("c", "int a;\nint c;\n"), fenced("", "true\n"),
                    fenced("c", "int a;\n…\nint d;\n"), fenced("perl", "1\n"), "Text\n\n    true\n"):
            with self.subTest(bad):
                self.assertEqual(len(list(guide.unproven(bad, FILES))), 1)

    def test_commands_are_typed_and_changes_applied_in_order(self) -> None:
        page = fenced("sh", "one\n") + fenced("diff", "+two\n") + fenced("c", "x\n") + fenced("sh", "3\n")
        self.assertEqual(guide.script(page), "set -e\none\npatch -p1 <<'END OF DIFF'\n+two\n"
                                             "END OF DIFF\n3\n")

    def test_what_is_shown_must_be_printed_in_that_order(self) -> None:
        page = fenced("text", "all 3 pass  in … s\nend\n")
        guide.check(page, "x\nall 3 pass in  20 s\nend\n")
        for said in ("", "end\nall 3 pass in 1 s\n", "all 4 pass in 1 s\nend\n"):
            with self.subTest(said), self.assertRaisesRegex(Failed, "not printed"):
                guide.check(page, said)


if __name__ == "__main__":
    unittest.main()
