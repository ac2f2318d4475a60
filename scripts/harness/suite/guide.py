# SPDX-License-Identifier: BSD-3-Clause
"""docs/guide.md is run as it stands there: what is in `sh` is typed, what is in `diff` is applied,
what is in `text` was printed. All other code is what new-device makes."""

import os
import re
import shutil
import xml.etree.ElementTree as xml
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bellwire.commands import new_device
from bellwire.core.places import BUILD, ROOT
from bellwire.report.results import Case
from . import build, install
from .step import LOGS, Failed, Step, command

PAGE = ROOT / "docs/guide.md"
SCRIPTS = "~/bellwire/scripts/"  # as the page names them
SHALLOW = {".github", ".gitignore", "CMakeLists.txt", "README.md", "build", "device", "driver",
           "tests", "trace.json"}  # what the folder then has
OF_FILES = ("c", "cmake", "cpp", "python", "yaml")
OF_RUNS = ("diff", "sh", "text")
DRAWN = re.compile("[─│▶◀]")  # what has no language is a drawing
_FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    language: str
    text: str


def blocks(page: str) -> list[Block]:
    return [Block(*found.groups()) for found in _FENCED.finditer(page)]


def unproven(page: str, files: Mapping[str, str]) -> Iterator[str]:
    """What no run tries, and none of the files has."""
    for line in re.findall(r"^(?: {4}|\t).*", _FENCED.sub("", page), re.MULTILINE):
        yield f"code without a fence: {line.strip()}"
    for block in blocks(page):
        if block.language in OF_FILES:
            parts = re.split(r"^\s*…\n", block.text, flags=re.MULTILINE)
            if not any(all(part in text for part in parts) for text in files.values()):
                yield f"no file has this {block.language}: {block.text}"
        elif block.language not in OF_RUNS and not DRAWN.search(block.text):
            yield f"'{block.language}' is neither run nor in a file: {block.text}"


def script(page: str) -> str:
    """What a reader does, in a folder in which everything is still to be made."""
    steps = {"sh": "{}", "diff": "patch -p1 <<'END OF DIFF'\n{}END OF DIFF\n"}
    return "set -e\n" + "".join(steps[block.language].format(block.text)
                                for block in blocks(page) if block.language in steps)


def cloned(page: str) -> str:
    """The same with the scripts of this clone."""
    return script(page).replace(SCRIPTS, f"'{ROOT}'/scripts/")


def installed(page: str) -> str:
    """The same with the commands of Debian's package."""
    return script(page).replace(f"{SCRIPTS}bellwire ", "bellwire ").replace(SCRIPTS, "bellwire-")


def unseen(page: str, said: str) -> list[str]:
    """The lines that the page shows, but that were not printed in that order."""
    printed = iter(said.splitlines())
    return [line for block in blocks(page) if block.language == "text"
            for line in block.text.splitlines() if not any(map(_like(line).fullmatch, printed))]


def _like(line: str) -> re.Pattern[str]:
    """Matches that line; an ellipsis in it stands for anything, and spaces for spaces."""
    parts = [r"\s+".join(map(re.escape, part.split())) for part in line.split("…")]
    return re.compile(".*".join(parts))


def check(page: str, said: str) -> None:
    if missing := unseen(page, said):
        raise Failed("docs/guide.md shows what was not printed:\n" + "\n".join(missing))


def passed(report: Path) -> Sequence[str]:
    """The names of the tests in a JUnit report, all of which passed."""
    cases = list(xml.parse(report).iter("testcase"))
    wrong = [case.get("name") for case in cases if list(case)]
    if wrong or not cases:
        raise Failed(f"{report}: {wrong or 'no test'}")
    return [case.get("name", "") for case in cases]


def in_a_clone() -> list[Case]:
    """The page outside of the tree, by the scripts of this clone, against an installed library."""
    page = PAGE.read_text()
    prefix = install.installed("guide-prefix")
    folder = LOGS / "guide"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    environment = {**build.remembered(), "CMAKE_PREFIX_PATH": str(prefix), "CMAKE_GENERATOR": "Ninja"}
    said = command("guide", "sh", "-c", cloned(page), cwd=folder, environment=environment)
    check(page, said)
    made = folder / new_device.OLD
    assert {path.name for path in made.iterdir()} == SHALLOW, os.listdir(made)
    assert len(os.listdir(made / "driver")) == 3, os.listdir(made / "driver")
    cases = [Case(f"the guide: {name}") for report in ("in-a-vm", "by-pytest")
             for name in passed(made / f"build/{report}.xml")]
    return [*cases, Case("the guide, as it is typed"), *by_the_clone(made)]


def by_the_clone(folder: Path) -> list[Case]:
    """Without an installed library, CMake finds that of the clone; and so does the workflow, which has
    a clone in the folder itself. It builds all of it; its tests have been run."""
    alone = {name: "" for name in ("CMAKE_PREFIX_PATH", "CMAKE_GENERATOR")}
    shutil.rmtree(folder / "build")
    command("guide-clone", "cmake", "-B", "build", cwd=folder, environment=alone)
    found = re.search(r"^bellwire_DIR:PATH=(.*)$", (folder / "build/CMakeCache.txt").read_text(),
                      re.MULTILINE)
    assert found and os.path.samefile(found[1], BUILD / "release"), found
    shutil.rmtree(folder / "build")
    (folder / "bellwire").mkdir()
    (folder / "bellwire/build").symlink_to(BUILD)
    (folder / "bellwire/scripts").symlink_to(ROOT / "scripts")
    workflow = (folder / ".github/workflows/test.yml").read_text()
    lines = re.findall(r"^ +- run: ((?:bellwire/|cmake ).*)$", workflow, re.MULTILINE)
    assert len(lines) == 3, lines
    command("guide-workflow", "sh", "-ec", "\n".join(lines), cwd=folder,
            environment=build.remembered() | alone)
    return [Case("a new device finds the clone that made it"), Case("the workflow builds it")]


STEPS = (Step("guide", in_a_clone, build.RELEASE),)
