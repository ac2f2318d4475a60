# SPDX-License-Identifier: BSD-3-Clause
"""The packages use only those above them in the table of README.md."""

import ast
import re
import unittest
from pathlib import Path

HARNESS = Path(__file__).parent
ORDER = re.findall(r"^\| `(\w+)` \|", (HARNESS / "README.md").read_text(), re.MULTILINE)


def used(module: Path) -> set[str]:
    """The packages of the harness that it imports."""
    names = [node.module or "" for node in ast.walk(ast.parse(module.read_text()))
             if isinstance(node, ast.ImportFrom)]
    return {name.split(".")[1] for name in names if name.startswith("bellwire.")}


class LayersTest(unittest.TestCase):
    def test_every_package_is_in_the_table(self) -> None:
        packages = {path.parent.name for path in HARNESS.glob("*/__init__.py")}
        self.assertEqual(sorted(ORDER), sorted(packages))

    def test_no_package_uses_one_below_it(self) -> None:
        for place, package in enumerate(ORDER):
            modules = [path for path in (HARNESS / package).glob("*.py")
                       if not path.name.endswith("_test.py")]
            self.assertNotEqual(modules, [])
            for module in modules:
                with self.subTest(module.name):
                    self.assertLessEqual(used(module), set(ORDER[:place + 1]))
