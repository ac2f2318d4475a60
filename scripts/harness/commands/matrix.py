# SPDX-License-Identifier: BSD-3-Clause
"""Writes a matrix of tests (device × transport × kernel × QEMU × accelerator) as JSON, to stdout, or
merges the results of its cells.

    matrix --transport ivshmem vfio-user,page=1 --kernel 6.1 6.12 >cells.json
    pytest -n 2 --bellwire-matrix cells.json     # all of it, on this machine
    pytest --bellwire-matrix cells.json --bellwire-cell NAME     # or one cell
    matrix --merge results-*.xml --of cells.json --out all.xml   # one verdict

--format github is what strategy.matrix takes by fromJSON(); gitlab a child pipeline; kubernetes a
Job for each cell. In --script, {cell} stands for the cell's name, {json} for all of it.
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bellwire.commands import command_line
from bellwire.face import matrix
from bellwire.face.matrix import Cell
from bellwire.image import kernel
from bellwire.report import results
from bellwire.report.results import Case
from bellwire.vms import accel

FORMATS: dict[str, Callable[[Sequence[Cell], argparse.Namespace], dict[str, Any]]] = {
    "json": lambda cells, _: matrix.as_json(cells),
    "github": lambda cells, _: matrix.as_json(cells),
    "gitlab": lambda cells, options: matrix.as_gitlab(cells, options.script),
    "kubernetes": lambda cells, options: matrix.as_kubernetes(
        cells, ["RESULTS=/results", *options.script], options.image),
}
SCRIPT = [f"pytest --bellwire-cell {{json}} --junitxml ${{RESULTS:-.}}/{matrix.RESULTS}"]
KNOWN = {"kernel": kernel.VERSIONS, "accelerator": accel.CHOICES}


def main(argv: Sequence[str]) -> int:
    parser = command_line.parser("matrix", __doc__)
    for axis, what in matrix.AXES.items():
        parser.add_argument(f"--{axis}", metavar=axis[0].upper(), nargs="+", action="extend",
                            default=[], help=f"each {what} to be tried; without it the tests choose")
    parser.add_argument("--without", metavar="AXIS=VALUE", nargs="+", action="append", default=[],
                        type=_pair, help="leave out the cells that have all of these; repeatable")
    parser.add_argument("--format", choices=FORMATS, default="json", help="who reads it (default: json)")
    parser.add_argument("--script", metavar="LINE", action="append", default=[],
                        help="gitlab, kubernetes: a line of what a job runs; repeatable (default: "
                             "pytest in that cell)")
    parser.add_argument("--image", default="bellwire", help="kubernetes: the container's image "
                        "(default: bellwire, as the Containerfile makes it)")
    parser.add_argument("--merge", metavar="FILE", nargs="+", type=Path,
                        help="JUnit files, one per cell, called results-CELL.xml")
    parser.add_argument("--of", metavar="FILE", type=Path,
                        help="with --merge: the matrix; a cell without a file fails")
    parser.add_argument("--out", metavar="FILE", type=Path, help="with --merge: all results, as JUnit "
                        "has them")
    options = parser.parse_args(argv)
    command_line.check_folders(parser, options, "out")
    for name in ("of", "out"):
        if getattr(options, name) and not options.merge:
            parser.error(f"--{name} {getattr(options, name)}: give the results with --merge FILE…")
    return merge(options) if options.merge else write(parser, options)


def _pair(text: str) -> tuple[str, str]:
    axis, _, value = text.partition("=")
    if axis not in matrix.AXES or not value:
        raise argparse.ArgumentTypeError(f"'{text}' is not AXIS=VALUE, with an axis of "
                                         f"{', '.join(matrix.AXES)}")
    return axis, value


def write(parser: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    axes: dict[str, list[str]] = {axis: getattr(options, axis) for axis in matrix.AXES}
    for axis, known in KNOWN.items():
        for value in axes[axis]:
            if value not in known:
                parser.error(f"--{axis} '{value}': choose of {', '.join(known)}")
    if not any(axes.values()):
        parser.error("no axis is given: give one, such as --kernel 6.1 6.12")
    options.script = options.script or SCRIPT
    cells = matrix.make(axes, [dict(pairs) for pairs in options.without])
    print(json.dumps(FORMATS[options.format](cells, options), indent=2, ensure_ascii=False))
    return 0


def merge(options: argparse.Namespace) -> int:
    """Prints a line per cell; 1 if anything failed or is missing."""
    cases = [case for path in options.merge for case in _of(path)]
    wanted = [cell.name for cell in matrix.read(options.of)] if options.of else []
    there = {case.suite for case in cases}
    cases += [Case("the cell", "fail", "its results are missing", suite=name)
              for name in wanted if name not in there]
    for suite in dict.fromkeys([*wanted, *sorted({case.suite for case in cases})]):
        print(f"{suite}: {results.summary(case for case in cases if case.suite == suite)}")
    if options.out:
        results.write(options.out, cases)
    return int(any(case.outcome == "fail" for case in cases))


def _of(path: Path) -> list[Case]:
    """A file that can't be read, or has no test, is a failure of its cell."""
    cell = path.stem.removeprefix(matrix.RESULTS.partition("{")[0])
    try:
        cases = results.read(path)
    except results.Unreadable as error:
        return [Case("the report", "fail", str(error), suite=cell)]
    return [case.inside(cell) for case in cases] or [
        Case("the report", "fail", f"{path}: no test is in it", suite=cell)]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
