# SPDX-License-Identifier: BSD-3-Clause
"""Labs to learn from: each has a skeleton to complete and a grader that gives points with reasons.

  lab list              shows what there is
  lab start 1           makes a folder of yours with the first
  lab grade 01-eventfd  says what it is worth; so does ./grade in that folder
"""

import argparse
import json
import shlex
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bellwire.commands import command_line
from bellwire.core.places import ROOT, HarnessError, Missing, replace_file
from bellwire.image import build
from bellwire.report import results as junit
from bellwire.teaching import class_report, results
from bellwire.teaching.exercise import FOLDER, GRADED, MARK, SOLUTIONS, Exercise, Student, every, find

COMMAND = ROOT / "scripts/lab"
_LAUNCHER = """#!/bin/sh
# The labs beside this file, by bellwire: an installed one, or the clone that BELLWIRE names.
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
case ${BELLWIRE-} in "") exec bellwire-lab --labs "$here/labs" "$@" ;; esac
exec "$BELLWIRE/scripts/lab" --labs "$here/labs" "$@"
"""


def main(argv: Sequence[str]) -> int:
    command_line.exit_on_signals()
    parser = _parser()
    options = parser.parse_args(argv)
    run: Callable[[argparse.Namespace], int] = options.run
    try:
        return run(options)
    except Missing:
        raise
    except HarnessError as error:
        parser.error(str(error))


class _Command(command_line.Parser):
    def __init__(self, prog: str, description: str) -> None:
        super().__init__(prog, description)


def _parser() -> command_line.Parser:
    parser = command_line.parser("lab", __doc__)
    parser.add_argument("--labs", metavar="FOLDER", type=Path, default=FOLDER,
                        help="where the labs are (default: bellwire's own)")
    choices = parser.add_subparsers(metavar="COMMAND", required=True, prog=parser.prog,
                                    parser_class=_Command)

    def add(name: str, run: Callable[[argparse.Namespace], int], what: str,
            folder: bool = True) -> argparse.ArgumentParser:
        made = choices.add_parser(name, help=what, description=what[0].upper() + what[1:] + ".")
        if folder:
            made.add_argument("folder", metavar="DIR", type=Path, nargs="?", default=Path(),
                              help="of a lab that was started (default: the current one)")
        made.set_defaults(run=run)
        return made

    add("list", _list, "lists the labs", folder=False)
    start = add("start", _start, "makes a folder of yours for a lab", folder=False)
    start.add_argument("name", metavar="NAME", help="as list prints it, or its number")
    start.add_argument("folder", metavar="DIR", type=Path, nargs="?", help="(default: ./NAME)")
    grade = add("grade", _grade, "tries what is in the folder, and gives points with reasons")
    for option, what in (("json", "everything"), ("junit", "a test per task"),
                         ("gradescope", "as Gradescope's autograder reads it")):
        grade.add_argument(f"--{option}", metavar="FILE", type=Path, help=what)
    hint = add("hint", _hint, "prints the next hint; a grade says how many were taken")
    hint.add_argument("--again", action="store_true", help="those that were taken already")
    add("diff-with-skeleton", _diff, "shows what you have changed")
    add("reset", _reset, "puts the skeleton back, and keeps your files in a folder before-N")
    add("library", _library, "builds what a lab in C++ needs, and prints where CMake finds it")
    export = add("export", _export, "makes a bundle for students, without solutions", folder=False)
    export.add_argument("--for-students", metavar="DIR", type=Path, required=True, dest="folder",
                        help="a folder to be made; `./lab start 1` works in it")
    report = add("report", _report, "shows a class: a row per folder, a column per task",
                 folder=False)
    report.add_argument("folders", metavar="DIR", type=Path, nargs="+", help="folders of labs")
    report.add_argument("--grade", action="store_true", help="grade them first, one after the other")
    report.add_argument("--csv", metavar="FILE", type=Path)
    report.add_argument("--html", metavar="FILE", type=Path)
    return parser


def _list(options: argparse.Namespace) -> int:
    _print_aligned([[each.name, each.minutes, each.title] for each in every(options.labs)])
    return 0


def _start(options: argparse.Namespace) -> int:
    exercise = find(options.name, options.labs)
    folder: Path = options.folder or Path(exercise.name)
    _check_empty(folder)
    exercise.start(folder, COMMAND)
    print(f"{folder} is yours: {exercise.title}. Read its README.md, then:\n\n"
          f"    cd {shlex.quote(str(folder))}\n    make\n    ./grade\n")
    return 0


def _check_empty(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise HarnessError(f"DIR '{folder}' is there already, and not empty: choose another")
    if not folder.absolute().parent.is_dir():
        raise HarnessError(f"DIR '{folder}': there is no folder {folder.absolute().parent}: make it "
                           "first")


def _grade(options: argparse.Namespace) -> int:
    exercise, found = _graded(options.folder, options.labs)
    print(results.text(exercise.name, found.grade, found.facts["hints"]))
    for path, content in ((options.json, found.facts),
                          (options.gradescope, results.as_gradescope(found.grade))):
        if path:
            _write(path, content)
    if options.junit:
        junit.write(options.junit, results.as_cases(exercise.name, found.grade))
    return int(found.grade.points < found.grade.of)


class _Found:
    def __init__(self, exercise: Exercise, student: Student) -> None:
        self.grade = exercise.grader().grade(student.folder)
        self.facts = results.as_json(exercise.name, exercise.version, student.read()["hints"],
                                     self.grade)


def _graded(folder: Path, labs: Path) -> tuple[Exercise, _Found]:
    student = Student(folder)
    exercise = student.exercise(labs)
    found = _Found(exercise, student)
    _write(folder / GRADED, found.facts)
    return exercise, found


def _write(path: Path, content: Mapping[str, Any]) -> None:
    try:
        replace_file(path, json.dumps(content, indent=2) + "\n")
    except OSError as error:
        raise HarnessError(f"{path}: {error.strerror}: it can't be written there") from None


def _hint(options: argparse.Namespace) -> int:
    student = Student(options.folder)
    if not options.again:
        print(student.next_hint(options.labs))
        return 0
    taken = student.read()["hints"]
    for number, hint in enumerate(student.exercise(options.labs).hints[:taken], 1):
        print(f"Hint {number}: {hint}")
    return 0


def _diff(options: argparse.Namespace) -> int:
    for line in Student(options.folder).exercise(options.labs).changes(options.folder):
        print(line)
    return 0


def _reset(options: argparse.Namespace) -> int:
    kept = Student(options.folder).exercise(options.labs).reset(options.folder)
    print(f"The skeleton is back; what was there is in {kept}.")
    return 0


def _library(options: argparse.Namespace) -> int:
    print(build.folder_of_library())
    return 0


def _export(options: argparse.Namespace) -> int:
    _check_empty(options.folder)
    ignored = shutil.ignore_patterns(SOLUTIONS, "__pycache__", MARK, ".clang-format")
    shutil.copytree(options.labs, options.folder / "labs", ignore=ignored)
    launcher = options.folder / "lab"
    launcher.write_text(_LAUNCHER)
    launcher.chmod(0o755)
    print(f"{options.folder} is for students: ./lab in it is their command. It needs the package "
          "bellwire, or BELLWIRE=DIR with a clone.")
    return 0


def _report(options: argparse.Namespace) -> int:
    if options.grade:
        for folder in options.folders:
            _graded(folder, options.labs)
    rows = [class_report.read(folder) for folder in options.folders]
    for path, content in ((options.csv, class_report.as_csv), (options.html, class_report.as_html)):
        if path:
            replace_file(path, content(rows))
    headings, cells = class_report.table(rows)
    _print_aligned([headings, *([str(cell) for cell in row] for row in cells)])
    return 0


def _print_aligned(lines: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*lines)]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
