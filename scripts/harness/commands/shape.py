# SPDX-License-Identifier: BSD-3-Clause
"""Prints how many files and functions each part of the tree has, and how long they are.

Counts the files with code that git tracks: C, C++, assembly, Python and shell.
Lengths are in lines, with comments and blank lines; a function is as long as
from its first line to its last, which Universal Ctags finds.
"""

import json
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bellwire.commands import command_line
from bellwire.core.places import ROOT, HarnessError
from bellwire.report.figures import Column, TextTable, summarize

CODE = (".c", ".cpp", ".h", ".hpp", ".inc", ".S", ".py", ".sh")
ALL = "all"
TABLE = TextTable([
    Column("", 11, left=True), Column("files", 6), Column("median", 6), Column("p95", 4),
    Column("max", 4), Column("lines", 7), Column("functions", 10), Column("median", 6),
    Column("p95", 4), Column("max", 4)])


@dataclass(frozen=True)
class Lengths:
    """Of some files or functions, in lines."""

    count: int
    median: int
    p95: int
    longest: int
    total: int

    @classmethod
    def of(cls, values: Sequence[int]) -> "Lengths":
        summary = summarize(values)
        return cls(summary.count, int(summary.p50), int(summary.p95), int(summary.max),
                   sum(values))


def main(argv: Sequence[str]) -> int:
    parser = command_line.parser("shape", __doc__)
    parser.add_argument("--revision", metavar="REV", default="",
                        help="measure that commit instead of the working tree")
    options = parser.parse_args(argv)
    try:
        show(measure(options.revision))
    except HarnessError as error:
        print(f"shape: {error}", file=sys.stderr)
        return 1
    return 0


Shape = dict[str, tuple[Lengths, Lengths]]  # for each part, its files and its functions


def measure(revision: str = "") -> Shape:
    """For the parts, which are the top folders, and for all of them."""
    if not revision:
        return of_folder(ROOT, _run(["git", "-C", str(ROOT), "ls-files"]).splitlines())
    names = _run(["git", "-C", str(ROOT), "ls-tree", "-r", "--name-only", revision]).splitlines()
    with tempfile.TemporaryDirectory(prefix="bellwire-shape-") as folder:
        archive = Path(folder, "tree.tar")
        _run(["git", "-C", str(ROOT), "archive", "-o", str(archive), revision])
        _run(["tar", "-xf", str(archive), "-C", folder])
        return of_folder(Path(folder), names)


def of_folder(root: Path, names: Iterable[str]) -> Shape:
    names = [name for name in names if holds_code(root / name)]
    files: dict[str, list[int]] = defaultdict(list)
    functions: dict[str, list[int]] = defaultdict(list)
    for name in names:
        for part in (name.split("/")[0], ALL):
            files[part].append((root / name).read_bytes().count(b"\n"))
    for name, length in function_lengths(root, names):
        for part in (name.split("/")[0], ALL):
            functions[part].append(length)
    return {part: (Lengths.of(files[part]), Lengths.of(functions[part]))
            for part in sorted(files, key=lambda part: (part == ALL, part))}


def holds_code(path: Path) -> bool:
    if not path.is_file():
        return False
    if path.suffix:
        return path.suffix in CODE
    with path.open("rb") as file:
        return file.read(2) == b"#!"


def function_lengths(root: Path, names: Sequence[str]) -> list[tuple[str, int]]:
    """Each function's file and length."""
    tags = _run(["ctags", "--options=NONE", "--output-format=json", "--fields=+ne",
                 "--languages=C,C++,Python", "--map-C=+.h", "--kinds-C=f", "--kinds-C++=f",
                 "--kinds-Python=fm", "--sort=no", "-f", "-", "-L", "-"], "\n".join(names), root)
    found = (json.loads(line) for line in tags.splitlines())
    return [(tag["path"], tag["end"] - tag["line"] + 1) for tag in found if "end" in tag]


def _run(argv: Sequence[str], text: str = "", folder: Path = ROOT) -> str:
    try:
        done = subprocess.run(argv, input=text.encode(), capture_output=True, cwd=folder)
    except OSError as error:
        raise HarnessError(f"cannot run {argv[0]}: {error.strerror}; run scripts/setup") from None
    if done.returncode:
        raise HarnessError(f"{argv[0]}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout.decode(errors="replace")


def show(shape: Shape) -> None:
    print(TABLE.heading())
    for part, (files, functions) in shape.items():
        print(TABLE.row([part, files.count, files.median, files.p95, files.longest, files.total,
                         functions.count, functions.median, functions.p95, functions.longest]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
