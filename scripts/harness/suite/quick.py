# SPDX-License-Identifier: BSD-3-Clause
"""`scripts/test --quick`: the checks to run before each commit.

Each file that differs from the branch main, committed or not, has its tests: a C++ file those of
its folder, in the preset dev; a Python module its own; a source of the guest's module that module's
self-test; a source of the host program the program's tests. The checks of the sources that take
seconds, and one ring in a VM, run always.
"""

import functools
import re
import subprocess
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

from bellwire.core.places import BUILD, ROOT
from bellwire.report.results import Case
from . import build, host, lint, pytests, schedule, static, vm
from .step import Failed, Step, command

BASES = ("main", "origin/main", "HEAD")
LONGEST = 40.0  # seconds: longer steps are left to the whole run
SCRIPTS = ROOT / "scripts"
PROGRAMS = ("docs", "guest-kmod", "host", "vdev")  # where CMake's programs are


@functools.cache
def doctests(root: Path = ROOT) -> dict[str, Path]:
    """The folder of each test program that CMake knows."""
    paths = (path for top in PROGRAMS for path in (root / top).rglob("CMakeLists.txt"))
    return {name: path.parent.relative_to(root) for path in sorted(paths)
            for name in re.findall(r"^bellwire_test\((\S+)", path.read_text(), re.MULTILINE)}


def doctest(name: str, folder: Path) -> list[Case]:
    build.build("dev", f"{name}-test")
    command(f"test-{name}", BUILD / "dev" / folder / f"{name}-test")
    return [Case(f"{name}-test")]


def ring() -> list[Case]:
    said = command("ring", "scripts/boot-vm", "--", "bell", "ring", "--count", "1000")
    if not all_completed(said, 1000):
        raise Failed(f"no 1000 rings that were all completed in what `bell ring` printed:\n{said}")
    return [Case("a ring in a VM")]


def all_completed(said: str, rings: int) -> bool:
    """Whether the table of `bell ring` has a row of that many, without a failure."""
    return re.search(rf"(?m)^ *{rings}(?: +0){{4}} ", said) is not None


@functools.cache
def python_tests() -> list[Path]:
    return sorted((SCRIPTS / "harness").rglob("*_test.py"))


def _python_step(path: Path) -> Step:
    name = ".".join(path.relative_to(SCRIPTS).with_suffix("").parts)
    return Step(f"Python: {name}", partial(pytests.named, f"bellwire{name.removeprefix('harness')}"))


RING = Step("a ring in a VM", ring, build.RELEASE)
STEPS = (
    *(Step(f"C++: {name}", partial(doctest, name, folder))
      for name, folder in doctests().items()),
    *(_python_step(path) for path in python_tests()),
    RING,
)


def changed() -> list[str]:
    """The paths that differ from main; on main itself, those of the last commit, too."""
    base = next(base for base in BASES if _git("rev-parse", "-q", "--verify", base))
    fork = _git("merge-base", base, "HEAD")
    if fork == _git("rev-parse", "HEAD"):
        fork = _git("rev-parse", "-q", "--verify", "HEAD~1") or fork
    return [*_git("diff", "--name-only", fork).splitlines(),
            *_git("ls-files", "--others", "--exclude-standard").splitlines()]


def _git(*argv: str) -> str:
    return subprocess.run(["git", "-C", str(ROOT), *argv], capture_output=True, text=True,
                          errors="replace").stdout.strip()


def choose() -> list[tuple[str, Step]]:
    """The steps, with their levels, for what changed; says which of them it leaves out."""
    costs = schedule.load()
    chosen = [("lint", step) for step in lint.STEPS]
    wanted = {title: step for path in changed() for title, step in tests_of(path)}
    for title, (level, step) in wanted.items():
        seconds = costs.get(title, schedule.UNKNOWN).seconds
        if seconds > LONGEST:
            print(f"left to the whole run: {title}, which takes {seconds:.0f} s")
        else:
            chosen.append((level, step))
    return [*chosen, ("quick", RING)]


Titled = tuple[str, tuple[str, Step]]


def tests_of(path: str) -> Iterator[Titled]:
    """The steps, by their titles, that test that file."""
    name = Path(path)
    if name.suffix in (".cpp", ".hpp") or name.name == "CMakeLists.txt":
        yield from _matching("quick", STEPS, (f"C++: {test}" for test in _nearest(name)))
    if name.suffix == ".py" and path.startswith("scripts/harness/"):
        yield from _matching("quick", STEPS, _python_names(name))
    if path.startswith("scripts/vmtests/"):
        title = name.stem.replace("_", "-")
        yield from _matching("vm", vm.STEPS, (step.name for step in vm.STEPS
                                              if step.name.split(":")[0] == title))
    if path.startswith("host/"):
        yield from _matching("host", host.STEPS, _program_names(name))
    if path.startswith("guest-kmod/") and name.suffix in (".c", ".h"):
        yield from _matching("static", static.STEPS, ["module 6.1"])
        yield from _matching("vm", vm.STEPS, ["module"])


def _matching(level: str, steps: Iterable[Step], names: Iterable[str]) -> Iterator[Titled]:
    wanted = set(names)
    return ((f"{level}: {step.name}", (level, step)) for step in steps if step.name in wanted)


def _nearest(path: Path) -> list[str]:
    """The test programs of its folder, or else of the next one above that has any."""
    known = doctests()
    for folder in path.parents:
        if found := [name for name, there in known.items() if there == folder]:
            return found
    return []


def _python_names(path: Path) -> Iterator[str]:
    """The module's own test, or all of its folder's if it has none."""
    tests = [test.relative_to(ROOT) for test in python_tests()]
    own = path if path.stem.endswith("_test") else path.with_name(f"{path.stem}_test.py")
    for test in [own] if own in tests else [test for test in tests if test.parent == path.parent]:
        yield "Python: " + ".".join(test.relative_to("scripts").with_suffix("").parts)


def _program_names(path: Path) -> Iterator[str]:
    """The tests that are named for the file or a folder of its, or else the general ones."""
    names = [step.name for step in host.STEPS if step.name.startswith("programs: ")]
    words = {*path.parts, path.stem.removesuffix("_test")}
    found = [name for name in names if name.removeprefix("programs: ") in words]
    return iter(found or ["programs: programs"])
