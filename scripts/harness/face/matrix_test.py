# SPDX-License-Identifier: BSD-3-Clause
import json
import tempfile
import unittest
from pathlib import Path

from bellwire.core.places import HarnessError
from bellwire.face import matrix
from bellwire.face.matrix import Cell

AXES = {"transport": ["ivshmem", "vfio-user,page=1"], "kernel": ["6.1", "6.12"]}


class MatrixTest(unittest.TestCase):
    def test_each_combination_is_a_cell(self) -> None:
        cells = matrix.make(AXES)
        self.assertEqual([cell.name for cell in cells],
                         ["ivshmem-6.1", "ivshmem-6.12", "vfio_user_page_1-6.1",
                          "vfio_user_page_1-6.12"])
        self.assertEqual(cells[3], Cell(transport="vfio-user,page=1", kernel="6.12"))

    def test_what_is_left_out(self) -> None:
        cells = matrix.make(AXES, [{"transport": "ivshmem", "kernel": "6.1"}, {"kernel": "6.12"}])
        self.assertEqual([cell.name for cell in cells], ["vfio_user_page_1-6.1"])

    def test_what_makes_no_matrix(self) -> None:
        rows: tuple[tuple[dict[str, list[str]], list[dict[str, str]], str], ...] = (
            (AXES, [{"kernel": "5.10"}], "no cell has kernel=5.10"),
            (AXES, [{"kernel": "6.1"}, {"kernel": "6.12"}], "nothing is left"),
            ({"kernel": ["6.1", "6.1"]}, [], "two cells are called 6.1"))
        for axes, without, why in rows:
            with self.subTest(why), self.assertRaisesRegex(HarnessError, why):
                matrix.make(axes, without)

    def test_it_is_read_as_it_was_written(self) -> None:
        file = Path(self.enterContext(tempfile.TemporaryDirectory()), "cells.json")
        cells = matrix.make(AXES)
        file.write_text(json.dumps(matrix.as_json(cells)))
        self.assertEqual(matrix.read(file), cells)
        for text in ("", "[]", "{}", '{"include": 5}', '{"include": [5]}'):
            file.write_text(text)
            with self.subTest(text), self.assertRaisesRegex(HarnessError, "no matrix can be read"):
                matrix.read(file)
        with self.assertRaisesRegex(HarnessError, "No such file"):
            matrix.read(file.with_name("nosuch"))

    def test_a_cell_by_itself(self) -> None:
        self.assertEqual(matrix.parse('{"kernel": "6.1", "name": "x"}'), Cell(kernel="6.1"))
        for text in ("ivshmem-6.1", "[1]", ""):
            with self.subTest(text), self.assertRaisesRegex(HarnessError, "no cell in JSON"):
                matrix.parse(text)

    def test_jobs_of_other_engines(self) -> None:
        cells = matrix.make(AXES)
        pipeline = matrix.as_gitlab(cells, ["run {cell}"])
        self.assertEqual(pipeline["ivshmem-6.12"]["script"], ["run ivshmem-6.12"])
        jobs = matrix.as_kubernetes(cells, ["run {cell}"], "image:1")["items"]
        self.assertEqual(len(jobs), 4)
        (container,) = jobs[3]["spec"]["template"]["spec"]["containers"]
        self.assertEqual((container["image"], container["command"]),
                         ("image:1", ["sh", "-ec", "run vfio_user_page_1-6.12"]))
        for job in jobs:  # as DNS has names
            self.assertRegex(job["metadata"]["generateName"], r"^[a-z0-9][a-z0-9-]{0,51}$")
