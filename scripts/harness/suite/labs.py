# SPDX-License-Identifier: BSD-3-Clause
"""Each lab of docs/labs: the skeleton compiles and gets few points, the solution gets all, and each
typical wrong answer loses exactly the points that its name says.

Where a grading boots a VM, wrong answers take minutes; so the brief steps leave them out.
"""

import shutil
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from bellwire.core.places import ROOT, Missing
from bellwire.report.results import Case
from bellwire.teaching import exercise
from bellwire.teaching.exercise import Exercise
from bellwire.teaching.grader import Grade
from . import build
from .step import Failed, Skipped, Step, command

LAB = ROOT / "scripts/lab"
FEW = 0.25  # of the points, for the skeleton
WRONG = 4  # typical wrong answers, at least
IN_VMS = ("03-kernel-rings", "04-kernel-listens", "05-driver", "06-device",
          "08-what-kvm-does")


def check(lab: Exercise, brief: bool) -> list[Case]:
    with tempfile.TemporaryDirectory() as work:
        try:
            return list(_check(lab, Path(work), brief))
        except Missing as missing:
            raise Skipped(str(missing)) from None


def _check(lab: Exercise, work: Path, brief: bool) -> Iterator[Case]:
    skeleton = work / "skeleton"
    lab.start(skeleton, LAB)
    command(f"labs-{lab.name}-make", "make", "-C", skeleton)
    found = lab.grader().grade(skeleton)
    yield _case("the skeleton", found, found.points <= FEW * found.of)
    found = lab.grader().grade(_solution(lab, work / "solution"))
    yield _case("the solution", found, found.points == found.of)
    patches = sorted((lab.solution / "wrong").glob("*.patch"))
    if len(patches) < WRONG:
        raise Failed(f"{lab.name} has {len(patches)} typical wrong answers, fewer than {WRONG}")
    for patch in [] if brief and lab.name in IN_VMS else patches:
        folder = _solution(lab, work / patch.stem)
        command(f"labs-{lab.name}-{patch.stem}", "patch", "-p0", "-d", folder, "-i", patch)
        found = lab.grader().grade(folder)
        yield _case(f"wrong: {patch.stem}", found, lost(found) == [patch.stem.partition("-")[0]])


def _solution(lab: Exercise, folder: Path) -> Path:
    lab.start(folder, LAB)
    for path in lab.solution.iterdir():
        if path.is_file() and path.name != "TEACHER.md":
            shutil.copy(path, folder)
    return folder


def lost(grade: Grade) -> list[str]:
    """The tasks without all points."""
    return [each.name for each in grade.outcomes if each.points < each.of]


def _case(name: str, grade: Grade, right: bool) -> Case:
    said = "\n".join(f"{each.name}: {each.points}/{each.of} {each.reason}" for each in grade.outcomes)
    return Case(name, "pass" if right else "fail", "" if right else said)


def _steps(brief: bool) -> tuple[Step, ...]:
    return tuple(Step(lab.name, partial(check, lab, brief), build.RELEASE)
                 for lab in exercise.every(exercise.FOLDER))


STEPS, BRIEF_STEPS = _steps(brief=False), _steps(brief=True)
