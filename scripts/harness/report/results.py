# SPDX-License-Identifier: BSD-3-Clause
"""Test cases, and JUnit's XML of them, read and written."""

import io
import re
import xml.etree.ElementTree as xml
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from bellwire.core.places import replace_file

OUTCOMES = {"pass": "passed", "fail": "failed", "skip": "skipped"}

# What doctest, the sanitizers, pytest, compilers and CTest write where something is wrong.
TROUBLE = re.compile(r"\bERROR\b|\berror:|\w(Error|Exception)\b|WARNING: ThreadSanitizer|SUMMARY:"
                     r"|TEST CASE|\bTimeout\b|^E  |Assertion|terminate called|SIG[A-Z]{3,}")


class Unreadable(Exception):
    """A report that isn't there, or broke off."""


@dataclass(frozen=True)
class Case:
    name: str
    outcome: str = "pass"  # "pass", "fail" or "skip"
    reason: str = ""       # one line for a skip; all that helps for a failure
    seconds: float = 0.0
    suite: str = ""

    def inside(self, suite: str) -> "Case":
        return replace(self, suite=suite)


def gist(reason: str, most: int = 12) -> list[str]:
    """The lines of a failure that tell what is wrong, each with the one after it, which has the
    values; the last ones where no line does. At most `most`, the first, as the rest follow from
    them."""
    lines = [line.rstrip()[:200] for line in reason.split("\n") if line.strip()]
    telling = {place + after for place, line in enumerate(lines) if TROUBLE.search(line)
               for after in (0, 1) if place + after < len(lines)}
    return [lines[place] for place in sorted(telling)][:most] or lines[-3:]


@dataclass(frozen=True)
class Usage:
    """What a step took. `stolen` is the part of the machine's CPU time, 0 to 1, that the host of a
    virtual machine gave to others meanwhile."""

    seconds: float
    cpu: float = 0.0  # seconds of all its processes that ended
    stolen: float = 0.0


def summary(cases: Iterable[Case], always: Iterable[str] = OUTCOMES) -> str:
    """"12 passed, 0 failed, 1 skipped"; of those not in `always` only what isn't zero."""
    counts = Counter(case.outcome for case in cases)
    return ", ".join(f"{counts[outcome]} {word}" for outcome, word in OUTCOMES.items()
                     if counts[outcome] or outcome in always)


def read(path: Path) -> list[Case]:
    """As write() writes them, or ctest's --output-junit, or pytest's --junitxml."""
    try:
        return [_case(element) for element in xml.parse(path).iter("testcase")]
    except (OSError, xml.ParseError, ValueError) as error:
        raise Unreadable(f"no report can be read from {path}: {error}") from None


def _case(element: xml.Element) -> Case:
    name, seconds = element.get("name", "?"), float(element.get("time", 0))
    status, skipped = element.get("status", "run"), element.find("skipped")
    if status == "disabled" or skipped is not None:
        reason = skipped.get("message", "") if skipped is not None else "disabled"
        return Case(name, "skip", reason, seconds)
    bad = next((element.find(tag) for tag in ("failure", "error")
                if element.find(tag) is not None), None)
    if status == "run" and bad is None:
        return Case(name, seconds=seconds)
    said = element.findtext("system-out") or (bad.text if bad is not None else "") or \
        "no reason given"
    return Case(name, "fail", said, seconds)


def read_usage(path: Path) -> dict[str, Usage]:
    """What each step of a report took, by the suite's name; only of those that say so."""
    try:
        return {suite.get("name", "?"): _usage(suite) for suite in xml.parse(path).iter("testsuite")
                if suite.find("properties") is not None}
    except (OSError, xml.ParseError, ValueError) as error:
        raise Unreadable(f"no report can be read from {path}: {error}") from None


def _usage(suite: xml.Element) -> Usage:
    found = {item.get("name"): float(item.get("value", 0))
             for item in suite.iterfind("properties/property")}
    return Usage(float(suite.get("time", 0)), found.get("cpu_seconds", 0),
                 found.get("stolen_percent", 0) / 100)


def write(path: Path, cases: Iterable[Case], usage: Mapping[str, Usage] | None = None) -> None:
    """All cases, by their suites; a suite without a case stands there for what it took."""
    usage = usage or {}
    root = xml.Element("testsuites")
    suites: dict[str, list[Case]] = {name: [] for name in usage}
    for case in cases:
        suites.setdefault(case.suite, []).append(case)
    for name, members in suites.items():
        counts = Counter(case.outcome for case in members)
        took = usage.get(name) or Usage(sum(case.seconds for case in members))
        suite = xml.SubElement(root, "testsuite", name=name, tests=str(len(members)),
                               failures=str(counts["fail"]), skipped=str(counts["skip"]),
                               time=f"{took.seconds:.3f}")
        if name in usage:
            properties = xml.SubElement(suite, "properties")
            for what, value in (("cpu_seconds", took.cpu), ("stolen_percent", took.stolen * 100)):
                xml.SubElement(properties, "property", name=what, value=f"{value:.1f}")
        for case in members:
            _write(suite, case)
    xml.indent(root)
    data = io.BytesIO()
    xml.ElementTree(root).write(data, encoding="utf-8", xml_declaration=True)
    replace_file(path, data.getvalue())


def _write(suite: xml.Element, case: Case) -> None:
    element = xml.SubElement(suite, "testcase", classname=case.suite, name=_clean(case.name),
                             time=f"{case.seconds:.3f}")
    if case.outcome == "fail":
        lines = case.reason.strip().split("\n")
        xml.SubElement(element, "failure", message=_clean(lines[-1])).text = _clean(case.reason)
    elif case.outcome == "skip":
        xml.SubElement(element, "skipped", message=_clean(case.reason))


def _clean(text: str) -> str:
    """XML has no place for control characters, which a console is full of."""
    return "".join(letter for letter in text if letter.isprintable() or letter in "\n\t")
