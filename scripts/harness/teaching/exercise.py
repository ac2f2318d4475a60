# SPDX-License-Identifier: BSD-3-Clause
"""The labs of a folder, and a student's folder of one."""

import difflib
import hashlib
import importlib.util
import json
import re
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from bellwire.core.places import ROOT, HarnessError
from bellwire.teaching.grader import Grader

FOLDER = ROOT / "docs/labs"
SOLUTIONS = "solutions"
MARK = ".bellwire-lab.json"  # in a student's folder: which lab it is of, and what was done with it
GRADED = "grade.json"  # what the last grading found
# Commands in a student's folder.
_LAB = """#!/bin/sh
# `./lab hint` and other commands of bellwire's, for this folder.
[ -x {lab} ] || {{ echo "bellwire is no longer where this lab came from, {lab}: start the lab again" \\
    "elsewhere, and copy your files there" >&2; exit 2; }}
[ $# -gt 0 ] || set -- --help
command=$1
shift
case $command in -*) exec {lab} --labs {labs} "$command" "$@" ;; esac
exec {lab} --labs {labs} "$command" "$@" "$(dirname -- "$0")"
"""
_GRADE = """#!/bin/sh
# Says what this folder is worth.
exec "$(dirname -- "$0")/lab" grade "$@"
"""
_BELLWIRE = """#!/bin/sh
# `./bellwire boot-vm` and other commands of bellwire's.
[ $# -gt 0 ] || {{ echo "usage: ./bellwire COMMAND, such as boot-vm, kmod or trace" >&2; exit 2; }}
if [ -f {scripts}/"$1" ]; then command={scripts}/$1; shift; exec "$command" "$@"; fi
PATH={scripts}:$PATH exec bellwire "$@"
"""


@dataclass(frozen=True)
class Exercise:
    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @cached_property
    def readme(self) -> str:
        return (self.folder / "README.md").read_text()

    @property
    def title(self) -> str:
        return _heading(self.readme)

    @property
    def minutes(self) -> str:
        """How long it takes, as its README says."""
        found = re.search(r"([\d ]+(?:to [\d]+ )?minutes)", self.readme)
        return found[1] if found else ""

    @property
    def solution(self) -> Path:
        return self.folder.parent / SOLUTIONS / self.name

    @cached_property
    def skeleton(self) -> dict[str, str]:
        place = self.folder / "skeleton"
        return {str(path.relative_to(place)): path.read_text()
                for path in sorted(place.rglob("*")) if path.is_file()}

    @cached_property
    def version(self) -> str:
        """Changes with what students get, and with what grades them."""
        graders = [self.folder / "grade.py", *sorted(self.folder.glob("scenarios/*"))]
        parts = [self.skeleton, *(path.read_text() for path in graders)]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]

    @property
    def hints(self) -> list[str]:
        text = (self.folder / "hints.md").read_text()
        return [part.strip() for part in re.split(r"^## .*$", text, flags=re.MULTILINE)[1:]]

    def grader(self) -> Grader[Any]:
        spec = importlib.util.spec_from_file_location("grade", self.folder / "grade.py")
        assert spec and spec.loader
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        found: Grader[Any] = module.grader
        return found

    def start(self, folder: Path, lab: Path) -> None:
        """Fills a student's folder. `lab`: the command that grades it."""
        folder.mkdir(parents=True, exist_ok=True)
        self._put_skeleton(folder)
        (folder / "README.md").write_text(self.readme)
        places = {"lab": shlex.quote(str(lab)), "labs": shlex.quote(str(self.folder.parent)),
                  "scripts": shlex.quote(str(lab.parent))}
        for name, text in (("lab", _LAB), ("grade", _GRADE), ("bellwire", _BELLWIRE)):
            (folder / name).write_text(text.format(**places))
            (folder / name).chmod(0o755)
        Student(folder).write({"lab": self.name, "version": self.version, "hints": 0})

    def _put_skeleton(self, folder: Path) -> None:
        for name, text in self.skeleton.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)

    def reset(self, folder: Path) -> Path:
        """Puts the skeleton back. Returns the folder where the student's files are now."""
        number = next(number for number in range(1, 10000)
                      if not (folder / f"before-{number}").exists())
        kept = folder / f"before-{number}"
        kept.mkdir()
        for name in self.skeleton:
            if (folder / name).exists():
                (kept / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.move(folder / name, kept / name)
        self._put_skeleton(folder)
        return kept

    def changes(self, folder: Path) -> Iterator[str]:
        """The lines of a diff from the skeleton."""
        for name, text in self.skeleton.items():
            path = folder / name
            ours = path.read_text(errors="replace") if path.is_file() else ""
            yield from difflib.unified_diff(text.splitlines(), ours.splitlines(),
                                            f"skeleton/{name}", name, lineterm="")


@dataclass(frozen=True)
class Student:
    """A student's folder. HarnessError: it is not."""

    folder: Path

    def read(self) -> dict[str, Any]:
        try:
            facts: dict[str, Any] = json.loads((self.folder / MARK).read_text())
            return {"lab": str(facts["lab"]), "version": str(facts["version"]),
                    "hints": int(facts["hints"])}
        except (OSError, ValueError, KeyError, TypeError):
            raise HarnessError(f"'{self.folder}' is not the folder of a lab: it lacks {MARK}; go to the "
                               "folder that lab start made") from None

    def write(self, facts: dict[str, Any]) -> None:
        (self.folder / MARK).write_text(json.dumps(facts) + "\n")

    def exercise(self, labs: Path) -> Exercise:
        facts = self.read()
        found = find(facts["lab"], labs)
        if found.version != facts["version"]:
            raise HarnessError(
                f"'{self.folder}' was made by another version of {found.name} ({facts['version']}, "
                f"not {found.version}): start it again elsewhere, and copy your files there")
        return found

    def next_hint(self, labs: Path) -> str:
        hints, facts = self.exercise(labs).hints, self.read()
        if facts["hints"] >= len(hints):
            return f"There are no more hints than these {len(hints)}; hint --again shows them."
        self.write(facts | {"hints": facts["hints"] + 1})
        return f"Hint {facts['hints'] + 1} of {len(hints)}: {hints[facts['hints']]}"


def every(labs: Path) -> list[Exercise]:
    found = [Exercise(path.parent) for path in sorted(labs.glob("*/grade.py"))]
    if not found:
        raise HarnessError(f"--labs {labs}: there is no lab in that folder")
    return found


def find(name: str, labs: Path) -> Exercise:
    """By its name, its number, or the name without the number."""
    choices = every(labs)
    for each in choices:
        number, _, word = each.name.partition("-")
        if name in (each.name, number, number.lstrip("0"), word):
            return each
    raise HarnessError(f"there is no lab '{name}', but {', '.join(each.name for each in choices)}")


def _heading(text: str) -> str:
    found = re.search(r"^# (?:Lab \d+: )?(.*)$", text, re.MULTILINE)
    return found[1] if found else ""
