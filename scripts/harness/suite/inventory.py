# SPDX-License-Identifier: BSD-3-Clause
"""The tests of the tree, found in their sources, and the differences between two lists of tests.

`scripts/test --list [REVISION]` prints a list; `--compare BEFORE AFTER` holds two against each
other, each a JUnit report, a file that --list wrote, or a revision of git. Names have no file in
them, so a test that moved is the same test.
"""

import ast
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from bellwire.core.places import ROOT, HarnessError
from bellwire.report import results

_TEXT = r'((?:"(?:[^"\\]|\\.)*"\s*)+)'  # string literals, which the compiler joins
_DOCTEST = re.compile(rf"\b(TEST_CASE|SUBCASE)\(\s*{_TEXT}")
_GUEST = re.compile(rf"^\s*\{{\s*{_TEXT},\s*\w+,\s*\w+\s*\}}", re.MULTILINE)
_LITERAL = re.compile(r'"((?:[^"\\]|\\.)*)"')

Names = Counter[str]


def of_revision(revision: str = "") -> Names:
    """The tests of that revision, or of the working tree."""
    found = _git("grep", "-l", *([] if revision else ["--untracked"]), "-E",
                 r"TEST_CASE|def test_|struct test |Contract \w+\[\]",
                 *([revision] if revision else []), "--", "*.py", "*.cpp", "*.c").splitlines()
    names: Names = Counter()
    for name in found:
        path = name.removeprefix(f"{revision}:") if revision else name
        text = _git("show", name) if revision else (ROOT / path).read_text()
        names.update(of_source(path, text))
    return names


def of_source(path: str, text: str) -> Iterator[str]:
    """The tests that a file defines: doctest's, the guest's self-tests, Python's."""
    if path.endswith(".py"):
        yield from _of_python(text)
        return
    case = ""
    for kind, literals in _DOCTEST.findall(text):
        title = _joined(literals)
        if kind == "TEST_CASE":
            case = title
        yield f"C++: {case}" if kind == "TEST_CASE" else f"C++: {case}: {title}"
    if path.endswith(".c") or "Contract " in text:
        yield from (f"table: {_joined(literals)}" for literals in _GUEST.findall(text))


def _joined(literals: str) -> str:
    return "".join(_LITERAL.findall(literals))


def _of_python(text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ClassDef):
            for part in node.body:
                if isinstance(part, ast.FunctionDef) and part.name.startswith("test_"):
                    yield f"Python: {node.name}.{part.name}"
    yield from (f"Python: {name}" for name in functions(text))


def functions(text: str) -> list[str]:
    """The tests of a module that are in no class, as pytest takes them."""
    return [node.name for node in ast.parse(text).body
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]


def read(source: str) -> Names:
    """A JUnit report's cases, a list's lines, or the tests of a revision."""
    path = Path(source)
    if not path.is_file():
        return of_revision(source)
    if path.suffix == ".xml":
        try:
            return Counter(case.name for case in results.read(path))
        except results.Unreadable as error:
            raise HarnessError(str(error)) from None
    return Counter(line for line in path.read_text().splitlines() if line)


def compare(before: Names, after: Names) -> tuple[list[str], list[str]]:
    """What is lost and what is new, each as often as it is."""
    return sorted((before - after).elements()), sorted((after - before).elements())


def _git(*argv: str) -> str:
    done = subprocess.run(["git", "-C", str(ROOT), *argv], capture_output=True, text=True,
                          errors="replace")
    if done.returncode:
        raise HarnessError(f"git {argv[0]}: {done.stderr.strip() or 'found nothing'}")
    return done.stdout
