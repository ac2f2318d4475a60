# SPDX-License-Identifier: BSD-3-Clause
import unittest

from bellwire.commands import scenario_pages


class ScenarioPagesTest(unittest.TestCase):
    def test_the_runs_are_cut_off_from_the_words(self) -> None:
        printed = "pause, as it is: survives\n1.0  guest  x\n\npause, with the defect: fails\n\nmet  a\n"
        self.assertEqual(scenario_pages.runs(printed),
                         "pause, as it is: survives\n1.0  guest  x\n\npause, with the defect: fails\n")
