# SPDX-License-Identifier: BSD-3-Clause
import unittest

from bellwire.commands.explore_table import table


class ExploreTableTest(unittest.TestCase):
    def test_a_row_for_each_scene(self) -> None:
        scene = {"scene": "sleep", "promise": "nobody sleeps", "runs": 5335, "steps": 100,
                 "exhausted": True, "seconds": 0.83, "failure": None}
        self.assertEqual(table([scene, scene | {"exhausted": False}]).splitlines()[2:],
                         ["| `sleep` | nobody sleeps | 5,335 | yes | 0.8 |",
                          "| `sleep` | nobody sleeps | 5,335 | no | 0.8 |"])
