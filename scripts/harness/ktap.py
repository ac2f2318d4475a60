# SPDX-License-Identifier: BSD-3-Clause
"""Reads test reports in TAP 13, TAP 14 and KTAP, nested to any depth.

Several reports may follow each other, each with its version line. Whatever a report leaves out is
a failure: results that its plan announced, a plan, the result line of a test with subtests, the end
of a diagnostic block. So is a plan between results, since it must be first or last. KTAP allows a
report without a plan; here that fails, too, since nothing would show that such a report broke off.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

# In ASCII: "\d" and "\s" otherwise match digits and blanks of every script.
# What dmesg and a console put before a line that the kernel printed.
_PRINTK = re.compile(r"(?:<\d+>)?\[ *\d+\.\d+\](?:\[ *[TC]\d+\])? ?", re.A)
_VERSION = re.compile(r"K?TAP version \d+\s*", re.A)
_PLAN = re.compile(r"1\.\.(\d+)(?:\s+#\s*(.*))?\s*", re.A)
_RESULT = re.compile(r"(not )?ok(?:\s+(\d+))?(?:\s+(?:- ?)?(.*))?", re.A)
# A directive follows an unescaped "#"; "# skipped: no KVM" is one, "# skip_me" in a name is not.
_DIRECTIVE = re.compile(r"(?:^|\s)(?<!\\)#\s*(SKIP[A-Z]*|TODO|XFAIL|TIMEOUT|ERROR)"
                        r"(?:[:\s]\s*(.*))?$", re.I | re.A)
_BAIL_OUT = re.compile(r"Bail out!\s*(.*)", re.I | re.A)
_STRICT = re.compile(r"pragma\s+([+-])strict\b", re.A)
_ESCAPED = re.compile(r"\\([\\#])")
_BLANKS = " \t\r\v\f"
_MOST_DIGITS = 9  # of a number; int() refuses one of more than 4,300 digits
_YAML_BEGIN, _YAML_END = re.compile(r"---(\s.*)?"), "..."
_ALL = "all tests"  # the name of a report that was skipped as a whole, until its test gives it one


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
    plan_follows: bool = False  # results: then none may come after it
    all_skipped: str | None = None  # the plan's reason
    numbers: list[int] = field(default_factory=list)  # those of the results
    cases: list[Case] = field(default_factory=list)
    inner: list[Case] = field(default_factory=list)  # of subtests whose test is yet to come
    notes: list[str] = field(default_factory=list)
    strict: bool = False
    bailed_out: bool = False


def parse(text: str) -> list[Case]:
    """All cases of all reports in `text`; empty only if there is no report at all."""
    reader = _Reader()
    for indent, line in _lines(text):
        reader.read(indent, line)
    return reader.finish()


def count(cases: Sequence[Case]) -> dict[str, int]:
    return {outcome: sum(case.outcome == outcome for case in cases)
            for outcome in ("pass", "fail", "skip")}


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Each line that isn't blank, with its indentation. Only "\\n" ends one: a guest's words may
    have any of what Python takes for the end of a line."""
    for raw in text.split("\n"):
        raw = _PRINTK.sub("", raw, count=1) if _PRINTK.match(raw) else raw
        line = raw.strip(_BLANKS)
        if line:
            yield len(raw) - len(raw.lstrip(_BLANKS)), line


class _Reader:
    def __init__(self) -> None:
        self.cases: list[Case] = []
        self.levels: list[_Level] = []
        self.block: int | None = None  # indentation of the YAML block that we are in

    def read(self, indent: int, line: str) -> None:
        if self._in_block(indent, line) or self._begins_block(indent, line):
            return
        version = _VERSION.fullmatch(line)
        plan, result = _PLAN.fullmatch(line), _RESULT.fullmatch(line)
        if bail_out := _BAIL_OUT.match(line):
            self._bail_out(bail_out[1])
        elif version or plan or result:
            level = self._level(indent, starts=version is not None)
            if plan:
                _plan(level, _number(level, plan[1]), plan[2] or "")
            elif result:
                _result(level, result)
        elif self.levels:
            _remark(self.levels[-1], line)

    def finish(self) -> list[Case]:
        if self.block is not None:
            self.levels[-1].cases.append(Case("report", "fail", "it ends within a YAML block"))
        while self.levels:
            self._close()
        return self.cases

    def _begins_block(self, indent: int, line: str) -> bool:
        """A result's diagnostics stand right of it, between "---" and "..."."""
        begins = (_YAML_BEGIN.fullmatch(line) is not None and bool(self.levels)
                  and indent > self.levels[-1].indent and bool(self.levels[-1].numbers))
        if begins:
            self.block = indent
        return begins

    def _in_block(self, indent: int, line: str) -> bool:
        if self.block is None:
            return False
        if indent < self.block:  # it was never closed; the report goes on
            self.block = None
            self.levels[-1].cases.append(Case("report", "fail", "a YAML block without its end"))
            return False
        if indent == self.block and line == _YAML_END:
            self.block = None
        else:
            _explain(self.levels[-1], line)
        return True

    def _level(self, indent: int, starts: bool) -> _Level:
        """The level of that indentation; those to its right end, and with a version line, it."""
        while self.levels and (self.levels[-1].indent > indent or
                               starts and self.levels[-1].indent == indent):
            self._close()
        if not self.levels or self.levels[-1].indent < indent:
            self.levels.append(_Level(indent, strict=bool(self.levels) and self.levels[-1].strict))
        return self.levels[-1]

    def _bail_out(self, why: str) -> None:
        """Ends every level at once: nothing more is missing from them."""
        for level in self.levels:
            level.bailed_out = True
        while self.levels:
            self._close()
        self.cases.append(Case("bail out", "fail", why))

    def _close(self) -> None:
        level = self.levels.pop()
        found = [*level.cases, *_missing(level)]
        (self.levels[-1].inner if self.levels else self.cases).extend(found)


def _plan(level: _Level, planned: int, remark: str) -> None:
    if level.planned is not None:
        level.cases.append(Case("report", "fail", f"two plans, 1..{level.planned} and 1..{planned}"))
    level.planned = planned
    level.plan_follows = bool(level.numbers)
    if planned == 0:
        directive = _DIRECTIVE.match(f"# {remark}")
        level.all_skipped = (directive[2] if directive else remark) or "the plan is 1..0"


def _result(level: _Level, result: re.Match[str]) -> None:
    failed, number, title = bool(result[1]), result[2], result[3] or ""
    level.numbers.append(_number(level, number) if number else len(level.numbers) + 1)
    if level.plan_follows:
        level.cases.append(Case("report", "fail", f"the plan 1..{level.planned} stands between "
                                                  "results: it must be first or last"))
        level.plan_follows = False  # one line for it
    directive = _DIRECTIVE.search(title)
    word = directive[1].upper() if directive else ""
    reason = (directive[2] or "").strip() if directive else ""
    title = title[:directive.start()] if directive else title
    name = _ESCAPED.sub(r"\1", title.strip()) or f"test {level.numbers[-1]}"
    outcome = _outcome(failed, word)
    if word in ("TODO", "XFAIL", "TIMEOUT", "ERROR") and outcome != "pass":
        reason = f"{word}: {reason}" if reason else word
    for case in level.inner:
        case.name = name if case.name == _ALL else f"{name} / {case.name}"
    explained = any(case.outcome == "fail" for case in level.inner)
    if not level.inner or outcome == "fail" and not explained:
        notes = "; ".join(level.notes) if outcome == "fail" else ""
        level.inner.append(Case(name, outcome, reason or notes))
    level.cases += level.inner
    level.inner, level.notes = [], []


def _number(level: _Level, digits: str) -> int:
    """What a plan or a result says; one that no report can mean is a failure, and is shortened."""
    significant = digits.lstrip("0") or "0"
    if len(significant) > _MOST_DIGITS:
        level.cases.append(Case("report", "fail", f"a number of {len(significant):,} digits"))
    return int(significant[:_MOST_DIGITS])


def _outcome(failed: bool, directive: str) -> str:
    if directive in ("TIMEOUT", "ERROR"):
        return "fail"
    if directive.startswith("SKIP"):
        return "skip"
    if directive in ("TODO", "XFAIL") and failed:
        return "skip"  # it is known not to work
    return "fail" if failed else "pass"


def _remark(level: _Level, line: str) -> None:
    if strict := _STRICT.match(line):
        level.strict = strict[1] == "+"
    elif line.startswith("#"):
        if not line.startswith("# Subtest"):
            level.notes.append(line.lstrip("# "))
    elif level.strict and not line.startswith("pragma "):
        level.cases.append(Case("report", "fail", f"not TAP, after pragma +strict: {line}"))


def _explain(level: _Level, line: str) -> None:
    """A line of a block belongs to the result before it."""
    case = level.cases[-1]
    if case.outcome == "fail":
        case.reason = f"{case.reason}; {line}" if case.reason else line


def _missing(level: _Level) -> Iterator[Case]:
    yield from level.inner
    if level.bailed_out:
        return
    if level.inner:
        yield Case("report", "fail", "subtests without the line of their test")
    if level.planned is None:
        yield Case("report", "fail", "no plan (1..N)")
    elif level.planned != len(level.numbers):
        yield Case("report", "fail",
                   f"{level.planned} tests planned, {len(level.numbers)} reported")
    elif level.all_skipped is not None:
        yield Case(_ALL, "skip", level.all_skipped)
    elif sorted(level.numbers) != list(range(1, level.planned + 1)):
        odd = next(number for number in level.numbers
                   if number > level.planned or level.numbers.count(number) > 1 or number == 0)
        yield Case("report", "fail", f"test {odd} doesn't fit the plan 1..{level.planned}, or appears "
                                     "twice")
