# SPDX-License-Identifier: BSD-3-Clause
import contextlib
import io
import json
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

from bellwire.commands import lab
from bellwire.core.places import HarnessError
from bellwire.report import results
from bellwire.teaching import exercise
from bellwire.teaching.exercise import FOLDER, MARK, Student


class LabTest(unittest.TestCase):
    def setUp(self) -> None:
        self.place = Path(self.enterContext(tempfile.TemporaryDirectory()))

    def lab(self, *words: object) -> tuple[int, str]:
        with contextlib.redirect_stdout(io.StringIO()) as said:
            status = lab.main([str(word) for word in words])
        return status, said.getvalue()

    def refused(self, why: str, *words: object) -> None:
        with contextlib.redirect_stderr(io.StringIO()) as said, self.assertRaises(SystemExit) as end:
            self.lab(*words)
        self.assertEqual((end.exception.code, said.getvalue().count("\n")), (2, 1))
        self.assertRegex(said.getvalue(), why)

    def started(self, name: str = "one") -> Path:
        self.lab("start", "1", self.place / name)
        return self.place / name

    def solved(self, name: str) -> Path:
        folder = self.started(name)
        for path in exercise.find("1", FOLDER).solution.glob("*.[ct]*"):
            (folder / path.name).write_text(path.read_text())
        return folder

    def test_list_has_each(self) -> None:
        said = self.lab("list")[1]
        for each in exercise.every(FOLDER):
            self.assertRegex(said, rf"(?m)^{each.name} .*minutes.*{re.escape(each.title)}$")

    def test_its_folder_has_the_other_commands(self) -> None:
        launcher = self.started() / "bellwire"
        said = [subprocess.run([launcher, *words], capture_output=True, text=True)
                for words in (("kmod", "--help"), (), ("trace", "--help"))]
        self.assertIn("Builds the modules of a folder", said[0].stdout)
        self.assertEqual((said[1].returncode, said[1].stderr.count("\n")), (2, 1))
        self.assertIn("Record the requests of a running device", said[2].stdout)

    def test_a_lab_is_found_by_each_of_its_names(self) -> None:
        names = {exercise.find(word, FOLDER).name for word in ("1", "01", "eventfd", "01-eventfd")}
        self.assertEqual(names, {"01-eventfd"})
        with self.assertRaisesRegex(HarnessError, "no lab 'nosuch', but 01-eventfd"):
            exercise.find("nosuch", FOLDER)

    def test_what_is_there_stays(self) -> None:
        folder = self.started()
        self.refused("not empty: choose another", "start", "1", folder)
        self.refused("make it first", "start", "1", self.place / "no/folder")

    def test_a_grade_is_written_in_each_format(self) -> None:
        folder = self.solved("one")
        files = {kind: self.place / kind for kind in ("json", "junit", "gradescope")}
        status, said = self.lab("grade", folder, *(word for kind, path in files.items()
                                                   for word in (f"--{kind}", path)))
        self.assertEqual((status, said.split("\n")[0]), (0, "01-eventfd: 14 of 14 points"))
        self.assertEqual(json.loads(files["json"].read_text())["points"], 14)
        self.assertEqual(json.loads(files["gradescope"].read_text())["score"], 14)
        cases = results.read(files["junit"])
        self.assertEqual({case.outcome for case in cases}, {"pass"})

    def test_fewer_points_are_another_status(self) -> None:
        folder = self.started()
        (folder / "eventfd_lab.c").write_text("no code")
        status, said = self.lab("grade", folder)
        self.assertEqual(status, 1)
        self.assertIn("it does not compile: eventfd_lab.c:1:", said)

    def test_no_folder_of_a_lab(self) -> None:
        for command in ("grade", "hint", "reset", "diff-with-skeleton"):
            with self.subTest(command):
                self.refused("is not the folder of a lab: it lacks", command, self.place)

    def test_a_folder_of_another_version(self) -> None:
        folder = self.started()
        facts = Student(folder).read()
        Student(folder).write(facts | {"version": "older"})
        self.refused(r"another version of 01-eventfd \(older, not", "grade", folder)
        (folder / MARK).write_text("{}")
        self.refused("is not the folder of a lab: it lacks", "grade", folder)

    def test_hints_come_one_at_a_time(self) -> None:
        folder = self.started()
        first, second = (self.lab("hint", folder)[1] for _ in range(2))
        self.assertRegex(first, r"^Hint 1 of 5: ")
        self.assertRegex(second, r"^Hint 2 of 5: ")
        self.assertIn(first.partition(": ")[2], self.lab("hint", folder, "--again")[1])
        for _ in range(4):
            last = self.lab("hint", folder)[1]
        self.assertIn("no more hints", last)

    def test_changes_are_shown_and_taken_back(self) -> None:
        folder = self.solved("one")
        self.assertIn("+  return fd < 0 ? -errno : fd;", self.lab("diff-with-skeleton", folder)[1])
        self.lab("reset", folder)
        self.assertEqual(self.lab("diff-with-skeleton", folder)[1], "")
        self.assertIn("return fd < 0", (folder / "before-1/eventfd_lab.c").read_text())
        self.lab("reset", folder)
        self.assertTrue((folder / "before-2/eventfd_lab.c").exists())

    def test_students_get_no_solutions(self) -> None:
        bundle = self.place / "bundle"
        self.lab("export", "--for-students", bundle)
        self.assertEqual(sorted(path.name for path in bundle.iterdir()), ["lab", "labs"])
        self.assertEqual([path for path in bundle.rglob("*") if "solution" in path.name
                          or path.name == "TEACHER.md" or path.suffix == ".patch"], [])
        self.lab("--labs", bundle / "labs", "start", "1", self.place / "mine")
        self.assertIn(str(bundle), (self.place / "mine/lab").read_text())

    def test_a_class(self) -> None:
        good, bad = self.solved("good"), self.started("bad")
        (bad / "eventfd_lab.c").write_text("no code")
        self.refused("bad' has not been graded", "report", bad)
        files = [self.place / "class.csv", self.place / "class.html"]
        said = self.lab("report", "--grade", good, bad, "--csv", files[0], "--html", files[1])[1]
        self.assertRegex(said, r"(?m)^good +01-eventfd +14 +14 +0 ")
        self.assertRegex(said, r"(?m)^bad +01-eventfd +0 +14 +0 ")
        self.assertEqual(files[0].read_text().split("\n")[1].split(",")[:4],
                         ["good", "01-eventfd", "14", "14"])
        self.assertIn("<td", files[1].read_text())
