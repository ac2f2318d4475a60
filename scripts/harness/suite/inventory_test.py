# SPDX-License-Identifier: BSD-3-Clause
import tempfile
import unittest
from collections import Counter
from pathlib import Path

from bellwire.report import results
from bellwire.suite import inventory
from bellwire.report.results import Case

DOCTEST = '''
TEST_CASE("a ring is answered") {
  SUBCASE("at once") {}
}
TEST_CASE(
    "a title of "
    "two literals") {}
'''
GUEST = '''
const struct test error_tests[] = {
	{ "EFAULT for a bad address", bad_address, 0 },
	{ 0 },
};
'''
PYTHON = '''
class ATest(unittest.TestCase):
    def test_one(self): pass
    def helper(self): pass
def test_two(vm): pass
'''


class InventoryTest(unittest.TestCase):
    def test_each_kind_of_source(self) -> None:
        for path, text, wanted in (
                ("a_test.cpp", DOCTEST, ["C++: a ring is answered",
                                         "C++: a ring is answered: at once",
                                         "C++: a title of two literals"]),
                ("errors.c", GUEST, ["table: EFAULT for a bad address"]),
                ("a_test.py", PYTHON, ["Python: ATest.test_one", "Python: test_two"])):
            with self.subTest(path):
                self.assertEqual(list(inventory.of_source(path, text)), wanted)

    def test_the_tree_has_tests_of_each_kind(self) -> None:
        kinds = Counter(name.split(":")[0] for name in inventory.of_revision())
        for kind in ("C++", "Python", "table"):
            self.assertGreater(kinds[kind], 40, kind)

    def test_lost_and_new_are_counted(self) -> None:
        lost, new = inventory.compare(Counter("aab"), Counter("abc"))
        self.assertEqual((lost, new), (["a"], ["c"]))

    def test_a_report_and_a_list_are_read(self) -> None:
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        results.write(folder / "r.xml", [Case("a", suite="x"), Case("a", suite="y")])
        (folder / "list").write_text("a\nb\n")
        self.assertEqual(inventory.read(str(folder / "r.xml")), Counter("aa"))
        self.assertEqual(inventory.read(str(folder / "list")), Counter("ab"))
