# SPDX-License-Identifier: BSD-3-Clause
"""Reads test results in KTAP and TAP (13 or 14), nested to any depth.

Several reports may stand one behind the other. What is missing fails: results
that the plan announced, a plan, or the line of a test whose subtests are there.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_VERSION = re.compile(r"(KTAP|TAP) version \d+")
_PLAN = re.compile(r"1\.\.(\d+)")
_RESULT = re.compile(
    r"(not )?ok\b *(\d+)? *(?:- )?(.*?)(?:\s*(?<!\\)# *(SKIP|TODO)\b *(.*))?$", re.I)

_COUNTS = re.compile(r"(K?TAP version|1\.\.\d+$|(not )?ok\b)")  # all else is remarks, or noise


@dataclass
class Case:
    """A test without subtests, or something that is wrong with the report."""

    name: str
    outcome: str  # "pass", "fail" or "skip"
    reason: str = ""


@dataclass
class _Level:
    """The results that stand at one indentation."""

    indent: int
    planned: int | None = None
    seen: int = 0
    cases: list[Case] = field(default_factory=list)
    inner: list[Case] = field(default_factory=list)  # of subtests whose test is yet to come
    notes: list[str] = field(default_factory=list)


def parse(text: str) -> list[Case]:
    """All cases of all reports in `text`; empty only if there is no report at all."""
    cases: list[Case] = []
    levels: list[_Level] = []

    def close() -> None:
        level = levels.pop()
        found = [*level.cases, *_missing(level)]
        (levels[-1].inner if levels else cases).extend(found)

    for indent, line in _lines(text):
        if not _COUNTS.match(line):
            if levels:
                _remark(levels[-1], line)
            continue
        starts = _VERSION.match(line) is not None
        while levels and (levels[-1].indent > indent or starts and levels[-1].indent == indent):
            close()
        if not levels or levels[-1].indent < indent:
            levels.append(_Level(indent))
        _take(levels[-1], line)
    while levels:
        close()
    return cases


def count(cases: list[Case]) -> dict[str, int]:
    return {outcome: sum(case.outcome == outcome for case in cases)
            for outcome in ("pass", "fail", "skip")}


def _lines(text: str) -> Iterator[tuple[int, str]]:
    for raw in text.splitlines():
        line = raw.strip()
        if line:
            yield len(raw) - len(raw.lstrip()), line


def _take(level: _Level, line: str) -> None:
    plan, result = _PLAN.fullmatch(line), _RESULT.match(line)
    if plan:
        level.planned = int(plan[1])
    elif result:
        _result(level, result)


def _result(level: _Level, result: re.Match[str]) -> None:
    failed, number, title, directive, reason = result.groups()
    level.seen += 1
    name = title.strip() or f"test {number or level.seen}"
    outcome = "skip" if directive else "fail" if failed else "pass"
    for case in level.inner:
        case.name = f"{name} / {case.name}"
    told = any(case.outcome == "fail" for case in level.inner)
    if not level.inner or outcome == "fail" and not told:
        reason = reason or ("; ".join(level.notes) if outcome == "fail" else "")
        level.inner.append(Case(name, outcome, reason))
    level.cases += level.inner
    level.inner, level.notes = [], []


def _remark(level: _Level, line: str) -> None:
    if line.startswith("Bail out!"):
        level.cases.append(Case("bail out", "fail", line.removeprefix("Bail out!").strip()))
    elif line.startswith("#") and not line.startswith("# Subtest:"):
        level.notes.append(line.lstrip("# "))


def _missing(level: _Level) -> Iterator[Case]:
    yield from level.inner
    if level.inner:
        yield Case("report", "fail", "subtests without the line of their test")
    if level.planned is None:
        yield Case("report", "fail", "no plan (1..N)")
    elif level.planned != level.seen:
        yield Case("report", "fail", f"{level.planned} tests planned, {level.seen} reported")
