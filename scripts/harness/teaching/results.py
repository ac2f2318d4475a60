# SPDX-License-Identifier: BSD-3-Clause
"""A grade as text, and as others read it: our JSON, JUnit, Gradescope's results.json."""

from typing import Any

from bellwire.report.results import Case
from bellwire.teaching.grader import Grade


def text(name: str, grade: Grade, hints: int) -> str:
    taken = f", {hints} hint{'s' if hints > 1 else ''} taken" if hints else ""
    lines = [f"{name}: {grade.points} of {grade.of} points{taken}"]
    if grade.not_built:
        return "\n".join([*lines, f"  nothing could be tried: {grade.not_built}"])
    for each in grade.outcomes:
        lines.append(f"  {each.points}/{each.of}  {each.title}")
        if each.reason:
            lines.append(f"       {each.reason}")
    return "\n".join(lines)


def as_json(name: str, version: str, hints: int, grade: Grade) -> dict[str, Any]:
    return {"lab": name, "version": version, "points": grade.points, "of": grade.of, "hints": hints,
            "tasks": [{"name": each.name, "title": each.title, "points": each.points, "of": each.of,
                       "reason": each.reason} for each in grade.outcomes]}


def as_cases(name: str, grade: Grade) -> list[Case]:
    return [Case(each.name, "pass" if each.points == each.of else "fail", each.reason, each.seconds,
                 name) for each in grade.outcomes]


def as_gradescope(grade: Grade) -> dict[str, Any]:
    return {"score": grade.points,
            "tests": [{"name": each.title, "score": each.points, "max_score": each.of,
                       "status": "passed" if each.points == each.of else "failed",
                       "output": each.reason} for each in grade.outcomes]}
