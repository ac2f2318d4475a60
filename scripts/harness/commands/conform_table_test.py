# SPDX-License-Identifier: BSD-3-Clause
import unittest
from typing import Any

from bellwire.commands.conform_table import read, table
from bellwire.core.places import HarnessError


def run(*verdicts: str) -> dict[str, Any]:
    return {"device": "blk", "counts": {"pass": 1, "fail": 1, "n/a": 0, "untried": 0},
            "statements": [{"statement": number, "says": f"does {number}|", "source": "here",
                            "verdict": verdict, "reason": f"why {number}"}
                           for number, verdict in enumerate(verdicts, 1)]}


class ConformTableTest(unittest.TestCase):
    def test_a_column_for_each_run(self) -> None:
        lines = table({"ours": run("pass", "fail"), "theirs": run("fail")}).splitlines()
        self.assertEqual(lines[0], "|  | a back-end … | source | ours | theirs |")
        self.assertEqual(lines[2], r"| 1 | does 1\| | here | pass | **fail** |")
        self.assertEqual(lines[3], r"| 2 | does 2\| | here | **fail** |  |")
        self.assertIn("* 2, fail: why 2", lines)

    def test_what_is_wrong_is_named(self) -> None:
        with self.assertRaisesRegex(HarnessError, "is not NAME=FILE"):
            read("nothing")
        with self.assertRaisesRegex(HarnessError, "cannot read the run '/nowhere'"):
            read("a=/nowhere")
