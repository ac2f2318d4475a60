# SPDX-License-Identifier: BSD-3-Clause
"""The checks of shell, Python and words: each runs a tool of Debian's over the files of its kind.

Their settings stand where the tools look for them: .shellcheckrc, .codespellrc, scripts/mypy.ini.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from bellwire.core.places import BUILD, ROOT

from bellwire.report.results import Case
from .step import Step, command, tracked

PACKAGE = ROOT / "scripts"
ENTER = PACKAGE / "harness/enter"  # is read by other scripts, and so begins with no "#!"


def shell() -> list[Case]:
    scripts = [path for path in tracked("*") if _interpreter(path) in ("sh", "bash")]
    return [shellcheck([*scripts, ENTER])]


def shellcheck(scripts: Sequence[Path]) -> Case:
    command("shellcheck", "shellcheck", *scripts)
    return Case(f"shellcheck of {len(scripts)} files")


def _interpreter(path: Path) -> str:
    """The name of the program that its first line calls for."""
    with path.open("rb") as file:
        first = file.readline(100).decode(errors="replace").split()
    return Path(first[-1]).name if first and first[0].startswith("#!") else ""


def python() -> list[Case]:
    return [pyflakes(tracked("*.py"))]


def pyflakes(sources: Sequence[Path]) -> Case:
    command("pyflakes", "pyflakes3", *sources)
    return Case(f"pyflakes of {len(sources)} files")


def types() -> list[Case]:
    return [mypy(PACKAGE / "python", "bellwire"), mypy(PACKAGE, "vmtests"),
            mypy(ROOT / "host", "tests")]


def mypy(folder: Path, *packages: str) -> Case:
    """Checks all Python with mypy --strict."""
    settings = PACKAGE / "mypy.ini"
    command("mypy", "mypy", "--config-file", settings, "--strict", "--cache-dir",
            BUILD / "mypy", *packages, cwd=folder,
            environment={"MYPYPATH": f"{PACKAGE / 'python'}:{PACKAGE}"})
    return Case(f"mypy --strict of {', '.join(packages)}")


def words() -> list[Case]:
    return [codespell([path for path in tracked("*") if "/corpus/" not in str(path)])]


def codespell(files: Sequence[Path]) -> Case:
    command("codespell", "codespell", "--config", ROOT / ".codespellrc", *files)
    return Case(f"spelling of {len(files)} files")


def each(*checks: tuple[str, Callable[[], Sequence[Case]]]) -> tuple[Step, ...]:
    return tuple(Step(name, check) for name, check in checks)


STEPS = each(("shell", shell), ("python", python), ("types", types), ("spelling", words))
