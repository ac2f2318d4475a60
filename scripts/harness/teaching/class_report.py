# SPDX-License-Identifier: BSD-3-Clause
"""What a whole class has: a row for each student's folder, a column for each task."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bellwire.core.places import HarnessError
from bellwire.report import html
from bellwire.teaching.exercise import GRADED


@dataclass(frozen=True)
class Row:
    student: str  # the folder's name
    lab: str
    points: int
    of: int
    hints: int
    tasks: dict[str, str]  # "2/2" of each


def read(folder: Path) -> Row:
    """What the folder's last grading found."""
    path = folder / GRADED
    try:
        found: dict[str, Any] = json.loads(path.read_text())
        tasks = {str(task["name"]): f"{int(task['points'])}/{int(task['of'])}"
                 for task in found["tasks"]}
        return Row(folder.absolute().name, str(found["lab"]), int(found["points"]),
                   int(found["of"]), int(found["hints"]), tasks)
    except FileNotFoundError:
        raise HarnessError(f"'{folder}' has not been graded: lab grade it first, or report --grade"
                           ) from None
    except (OSError, ValueError, KeyError, TypeError):
        raise HarnessError(f"{path} can't be read: lab grade writes it anew") from None


def table(rows: Sequence[Row]) -> tuple[list[str], list[list[object]]]:
    """Its headings and its cells."""
    tasks = list(dict.fromkeys(name for row in rows for name in row.tasks))
    cells: list[list[object]] = [
        [row.student, row.lab, row.points, row.of, row.hints,
         *(row.tasks.get(name, "") for name in tasks)] for row in rows]
    return ["student", "lab", "points", "of", "hints", *tasks], cells


def as_csv(rows: Sequence[Row]) -> str:
    headings, cells = table(rows)
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([headings, *cells])
    return text.getvalue()


def as_html(rows: Sequence[Row]) -> str:
    return html.document("Labs", "", [html.table("labs", *table(rows))])
