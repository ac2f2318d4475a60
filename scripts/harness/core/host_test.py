# SPDX-License-Identifier: BSD-3-Clause
import unittest

from bellwire.core.host import CpuTime


class CpuTimes(unittest.TestCase):
    def test_what_was_stolen_is_a_share_of_what_was_wanted(self) -> None:
        before = CpuTime.read("cpu  100 10 20 5000 300 1 9 60 7 8\ncpu0 1 2 3\n")
        after = CpuTime.read("cpu  150 10 20 9000 900 1 9 85 7 8\ncpu0 1 2 3\n")
        self.assertEqual((before.wanted, before.stolen), (200, 60))
        self.assertEqual(after.stolen_since(before), "33 %")

    def test_nothing_was_wanted(self) -> None:
        self.assertEqual(CpuTime(5, 1).stolen_since(CpuTime(5, 1)), "0 %")

    def test_this_machine_tells_it(self) -> None:
        self.assertGreater(CpuTime.now().wanted, 0)
