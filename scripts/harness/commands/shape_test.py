# SPDX-License-Identifier: BSD-3-Clause
import tempfile
import unittest
from pathlib import Path

from bellwire.commands.shape import ALL, Lengths, measure, of_folder
from bellwire.core.places import HarnessError

CPP = """\
namespace a {
int one() { return 1; }
template <class T>
struct S {
  void two() {
    one();
  }
};
}
"""
PYTHON = """\
def one():
    return 1

class C:
    def two(self):
        pass

        pass
"""


class ShapeTest(unittest.TestCase):
    def test_lengths(self) -> None:
        self.assertEqual(Lengths.of(range(1, 101)), Lengths(100, 50, 95, 100, 5050))
        self.assertEqual(Lengths.of([7]), Lengths(1, 7, 7, 7, 7))
        self.assertEqual(Lengths.of([]), Lengths(0, 0, 0, 0, 0))

    def test_functions_of_each_language(self) -> None:
        root = Path(self.enterContext(tempfile.TemporaryDirectory()))
        texts = {"b/a.cpp": CPP, "b/a.py": PYTHON, "b/a.h": "int f(void)\n{\n}\n", "b/a.md": "# x\n",
                 "b/run": "#!/bin/sh\nf() { :; }\n"}
        (root / "b").mkdir()
        for name, text in texts.items():
            (root / name).write_text(text)
        shape = of_folder(root, texts)
        self.assertEqual(shape[ALL], shape["b"])
        files, functions = shape[ALL]
        self.assertEqual((files.count, files.total), (4, 9 + 8 + 3 + 2))
        self.assertEqual((functions.count, functions.total), (5, 1 + 3 + 2 + 4 + 3))

    def test_a_revision_that_is_not_there(self) -> None:
        with self.assertRaisesRegex(HarnessError, "no-such-revision"):
            measure("no-such-revision")

    def test_this_tree(self) -> None:
        shape = measure()
        files, functions = shape.pop(ALL)
        self.assertEqual(files.count, sum(part.count for part, _ in shape.values()))
        self.assertEqual(functions.total, sum(part.total for _, part in shape.values()))
        self.assertGreater(functions.count, files.count)
