# SPDX-License-Identifier: BSD-3-Clause
"""Prints which part of the lines and branches of vdev/ and host/ the C++ tests reach, by folder.

It builds the tests in the preset coverage, and runs them. Sources that no such test is linked with
are not listed: what only tests of whole programs reach, the explorer, the simulation. What needs KVM
is reached only where there is /dev/kvm.

Exit status: 0 all is well; 1 it is less than the tree's floor, or a test failed; 2 wrong usage.
"""

import json
import os
import shutil
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from bellwire.commands import command_line
from bellwire.core import messages
from bellwire.core.places import BUILD, ROOT
from bellwire.report.figures import Column, TextTable
from . import build, quick
from .step import Failed, command

PRESET = "coverage"
TREE = BUILD / PRESET
PROFILES = TREE / "profiles"
TOPS = ("vdev", "host")
# Compiled from the product's sources once more, with hooks (explorer, simulate); or the test runs
# programs that have none of the counters (crash), or measures (bench).
LEFT_OUT = ("explorer", "simulate", "scenario", "crash", "bench")
OF_TESTS = ("/testing/", "/tests/", "_test.cpp", "_fuzz.cpp")
# Percent of lines and of branches, on a machine without KVM. Raise them when tests reach more.
FLOORS = {"vdev": (91.5, 80.5), "host": (74.0, 56.0)}
TABLE = TextTable([Column("folder", 30, left=True), Column("files", 5), Column("lines", 7),
                   Column("reached %", 9, decimals=1), Column("branches", 8),
                   Column("reached %", 9, decimals=1)])


@dataclass(frozen=True)
class Reached:
    files: int = 0
    lines: int = 0
    lines_reached: int = 0
    branches: int = 0
    branches_reached: int = 0

    @classmethod
    def of_file(cls, summary: Mapping[str, Mapping[str, int]]) -> Self:
        lines, branches = summary["lines"], summary["branches"]
        return cls(1, lines["count"], lines["covered"], branches["count"], branches["covered"])

    def __add__(self, other: "Reached") -> "Reached":
        return Reached(self.files + other.files, self.lines + other.lines,
                       self.lines_reached + other.lines_reached, self.branches + other.branches,
                       self.branches_reached + other.branches_reached)

    @property
    def percent(self) -> tuple[float, float]:
        """Of lines and of branches."""
        return (percent(self.lines_reached, self.lines),
                percent(self.branches_reached, self.branches))


def percent(part: int, whole: int) -> float:
    return 100 * part / whole if whole else 100.0


def main(argv: Sequence[str]) -> int:
    command_line.exit_on_signals()
    command_line.parser("coverage", __doc__).parse_args(argv)
    tests = measured()
    try:
        run(tests)
        folders = by_folder(exported(tests))
    except Failed as failure:
        print(failure, file=sys.stderr)
        return 1
    return report(folders)


def measured() -> dict[str, Path]:
    """The folder of each test that counts."""
    return {name: folder for name, folder in quick.doctests().items()
            if folder.parts[0] in TOPS and name not in LEFT_OUT}


def run(tests: Iterable[str]) -> None:
    build.build(PRESET, *(f"{name}-test" for name in tests))
    shutil.rmtree(PROFILES, ignore_errors=True)
    command("ctest-coverage", "ctest", "--test-dir", TREE, "-j2", "--no-tests=error",
            "--output-on-failure", "-R", f"^({'|'.join(tests)})$",
            environment={"LLVM_PROFILE_FILE": str(PROFILES / "%m.profraw")})


def exported(tests: Mapping[str, Path]) -> dict[str, Reached]:
    """What llvm-cov says of each file."""
    profile = TREE / "all.profdata"
    command("coverage-merge", "llvm-profdata", "merge", "-sparse", "-o", profile,
            *sorted(PROFILES.glob("*.profraw")))
    first, *others = (TREE / folder / f"{name}-test" for name, folder in tests.items())
    said = command("coverage-export", "llvm-cov", "export", "-summary-only",
                   f"-instr-profile={profile}", first,
                   *(f"-object={program}" for program in others))
    return of_files(json.loads(said[said.index("{"):]))


def of_files(document: Any) -> dict[str, Reached]:
    """By their path in the tree; those of tests, of libraries and what was generated are left out."""
    found = {}
    for file in document["data"][0]["files"]:
        path = Path(os.path.normpath(file["filename"]))
        if not path.is_relative_to(ROOT):
            continue
        name = path.relative_to(ROOT).as_posix()
        if name.split("/")[0] in TOPS and not any(mark in name for mark in OF_TESTS):
            found[name] = Reached.of_file(file["summary"])
    if not found:
        raise Failed("llvm-cov names no file of the tree")
    return found


def by_folder(files: Mapping[str, Reached]) -> dict[str, Reached]:
    folders: dict[str, Reached] = defaultdict(Reached)
    for name, reached in files.items():
        folders[name.rpartition("/")[0]] += reached
    return dict(sorted(folders.items()))


def report(folders: Mapping[str, Reached]) -> int:
    print(TABLE.heading())
    for folder, reached in folders.items():
        print(row(folder, reached))
    low = []
    for top in TOPS:
        whole = sum((reached for folder, reached in folders.items()
                     if f"{folder}/".startswith(f"{top}/")), Reached())
        print(row(f"all of {top}", whole))
        low += [f"{top} has {found:.1f} % of its {what} reached: the floor is {floor:.1f} %"
                for what, found, floor in zip(("lines", "branches"), whole.percent, FLOORS[top])
                if found < floor]
    for line in low:
        messages.say(f"coverage: {line}")
    return 1 if low else 0


def row(name: str, reached: Reached) -> str:
    lines, branches = reached.percent
    return TABLE.row([name, reached.files, reached.lines, lines, reached.branches, branches])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
