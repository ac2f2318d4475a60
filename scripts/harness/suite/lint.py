# SPDX-License-Identifier: BSD-3-Clause
"""The checks of the sources that take seconds: nothing is compiled."""

import re
from pathlib import Path

from bellwire.core.places import ROOT

from bellwire.report.results import Case
from . import checkpatch, layers, sources, threads
from .step import Failed, Step, command, tracked

# Files that can't carry a comment, or are data.
UNLICENSED = ("LICENSE", "COPYING", ".gitignore", ".json", "/corpus/", "debian/changelog", "debian/copyright",
              "debian/source/")


def clang_format() -> list[Case]:
    sources = tracked("*.cpp", "*.hpp", "*.c", "*.h")
    command("clang-format", "clang-format", "--dry-run", "-Werror", *sources)
    return [Case(f"clang-format of {len(sources)} files")]


def licences() -> list[Case]:
    sources = [path for path in tracked("*") if not _unlicensed(path)]
    naked = [path for path in sources if "SPDX-License-Identifier: " not in _first_lines(path)]
    if naked:
        raise Failed("no SPDX-License-Identifier in the first 3 lines of " + _names(naked))
    return [Case(f"licence of {len(sources)} files")]


def _unlicensed(path: Path) -> bool:
    name = str(path.relative_to(ROOT))
    return any(mark in name for mark in UNLICENSED)


def _first_lines(path: Path) -> str:
    return "\n".join(path.read_text(errors="replace").split("\n")[:3])


def paths() -> list[Case]:
    """A path of one machine means nothing on another."""
    home = re.compile("|".join([re.escape(f"{ROOT}/"), r"/home/[a-z]"]))
    sources = tracked("*")
    personal = [path for path in sources if home.search(path.read_text(errors="replace"))]
    personal = [path for path in personal if path != Path(__file__)]
    if personal:
        raise Failed("a path of one machine or person stands in " + _names(personal))
    return [Case(f"no private path in {len(sources)} files")]


def links() -> list[Case]:
    """Every link of our pages into the tree leads to an existing file and heading."""
    pages = tracked("*.md")
    dead = [f"{page.relative_to(ROOT)}: {target}" for page in pages
            for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text())
            if not re.match(r"[a-z]+:", target) and not _leads_somewhere(page, target)]
    if dead:
        raise Failed("dead links: " + ", ".join(dead))
    return [Case(f"links of {len(pages)} pages")]


def _leads_somewhere(page: Path, target: str) -> bool:
    name, _, heading = target.partition("#")
    path = page.parent / name if name else page
    if heading and path.suffix == ".md" and path.is_file():
        return heading in _headings(path.read_text())
    return path.exists()


def _headings(text: str) -> set[str]:
    """As GitHub names them in links."""
    titles = re.findall(r"^#+ +(.*?) *$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def walk() -> list[Case]:
    """Each function that docs/ring-walk.md names is in a file that the page links to."""
    page = ROOT / "docs/ring-walk.md"
    text = page.read_text()
    linked = {page.parent / target for target in re.findall(r"\]\((\.\./[^)#]+)\)", text)}
    missing = functions_missing(text, "\n".join(path.read_text() for path in linked))
    if missing:
        raise Failed(f"{page.relative_to(ROOT)} names functions that no file has that it links to: "
                     + ", ".join(missing))
    return [Case(f"functions of {page.name}")]


def functions_missing(text: str, sources: str) -> list[str]:
    """Those that `text` names, as `Class::function` or `bell_function`, and `sources` lacks."""
    named = set(re.findall(r"`((?:\w+::)+\w+|bell_\w+)`", text))
    return sorted(name for name in named
                  if not re.search(rf"\b{name.split('::')[-1]}\b", sources))


def arrows() -> list[Case]:
    """Each layer of vdev includes what it links, and what lies below that."""
    sources = tracked("vdev/*.cpp", "vdev/*.hpp", "vdev/*.S")
    wrong = [*layers.wrong_includes(ROOT, sources), *layers.with_test_library(ROOT)]
    if wrong:
        raise Failed("\n".join(wrong))
    return [Case(f"includes of {len(sources)} files follow the layers")]


def threaded() -> list[Case]:
    """The tests that start threads are those that TSan runs."""
    lists = tracked("vdev/*CMakeLists.txt", "host/*CMakeLists.txt")
    wrong = list(threads.wrong_lists(ROOT, lists))
    if wrong:
        raise Failed("\n".join(wrong))
    return [Case(f"tests with threads of {len(lists)} folders")]


def _names(found: list[Path]) -> str:
    return ", ".join(str(path.relative_to(ROOT)) for path in found)


STEPS = (
    Step("format", clang_format),
    Step("licences", licences),
    Step("paths", paths),
    Step("links", links),
    Step("layers", arrows),
    Step("threads", threaded),
    Step("walk", walk),
    *sources.STEPS,
    *checkpatch.STEPS,
)
