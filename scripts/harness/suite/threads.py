# SPDX-License-Identifier: BSD-3-Clause
"""Which tests start threads: TSan runs those, and no others.

A file of tests starts threads if it, or a header that it includes, directly or not, makes a thread;
so does a header whose code beside it makes one. The THREADS of its `bellwire_test` must be those
files, and what they need.
"""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

_STARTS = re.compile(r"std::j?thread\b(?!::)|std::async\b|\bpthread_create\b")
_INCLUDE = re.compile(r'^#include "((?:vdev|host|guest-kmod)/[^"]+)"', re.MULTILINE)
_TEST = re.compile(r"^bellwire_test\(([\w-]+)(.*?)\)$", re.MULTILINE | re.DOTALL)
_LISTS = ("SOURCES", "THREADS", "USES")


def wrong_lists(root: Path, files: list[Path]) -> Iterator[str]:
    """"FILE: why" for each file of tests that is in the wrong list of these CMakeLists.txt."""
    starts = _Finder(root)
    for path in files:
        for _, rest in _TEST.findall(re.sub("#.*", "", path.read_text())):
            for list_name, source in _listed(rest):
                name = str((path.parent / source).relative_to(root))
                if not source.endswith("_test.cpp") or list_name == "USES":
                    continue
                if (why := starts(name)) and list_name == "SOURCES":
                    yield f"{name} starts threads ({why}): list it under THREADS, for TSan"
                if not why and list_name == "THREADS":
                    yield f"{name} starts no thread: list it under SOURCES"


def _listed(rest: str) -> Iterator[tuple[str, str]]:
    """Each word of a bellwire_test, with the list that it is in."""
    current = ""
    for word in rest.split():
        if word in _LISTS:
            current = word
        else:
            yield current, word


class _Finder:
    """Called with a file's name, returns the file that makes its threads, or ""."""

    def __init__(self, root: Path) -> None:
        self._text = cache(lambda name: _read(root / name))

    def __call__(self, name: str) -> str:
        seen: set[str] = set()
        waiting = [name]
        while waiting:
            if (file := waiting.pop()) in seen:
                continue
            seen.add(file)
            beside = str(Path(file).with_suffix(".cpp")) if file.endswith(".hpp") else file
            for candidate in (file, beside):
                if _STARTS.search(self._text(candidate)):
                    return candidate
            waiting += _INCLUDE.findall(self._text(file))
        return ""


def _read(path: Path) -> str:
    return path.read_text(errors="replace") if path.is_file() else ""
