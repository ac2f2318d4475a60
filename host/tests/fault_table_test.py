# SPDX-License-Identifier: BSD-3-Clause
"""The table of docs/faults.md says what becomes of each fault."""

import sys
import unittest
from pathlib import Path

from program import PROGRAM
from programs_test import ProgramCase

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts/python"))

from bellwire.commands import fault_table  # noqa: E402


class FaultTable(ProgramCase):
    def test_what_becomes_of_each_fault_is_what_the_page_says(self) -> None:
        text = fault_table.DOC.read_text()
        table = text.partition(fault_table.BEGIN)[2].partition(fault_table.END)[0]
        self.assertEqual(fault_table.table(PROGRAM), table)


if __name__ == "__main__":
    unittest.main()
