# SPDX-License-Identifier: BSD-3-Clause
"""clang-tidy on all C++ that a build tree compiles, except the test programs.

Most of its time goes into the headers of Asio, JSON and the standard library, which it reads and
examines anew for each source. So it gets a few groups of sources, each as one. Names of two targets
may be the same; a group that does not compile because of that is split, until it does. tidy.py
remembers the groups that are clean.
"""

import json
import re
import shlex
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from bellwire.core.places import ROOT, replace_file
from .step import LOGS, Failed, command

TIDY = Path(__file__).with_name("tidy.py")
AT_ONCE = 2
LIMIT = 1200.0

# Half of the time of clang-tidy's checks goes into these, which look at every expression of the
# libraries' headers. `scripts/test long` has them.
SLOW = ("bugprone-assert-side-effect", "bugprone-infinite-loop", "bugprone-integer-division",
        "bugprone-sizeof-expression", "cppcoreguidelines-slicing", "performance-move-const-arg")

# The folders of a group. A source belongs to the first that names its folder. The older fuzz targets
# have many names in common, so each is in another group; the newer have a namespace each.
GROUPS = {
    "explorer": ("vdev/explore/", "host/explore/", "vdev/devices/virtio_request_fuzz.cpp"),
    "simulation": ("vdev/simulate/", "host/simulate/"),
    "programs": ("host/bench/", "guest-kmod/", "vdev/virtio/virtqueue_fuzz.cpp"),
    "base": ("vdev/os/", "vdev/log/", "vdev/core/", "vdev/loop/", "vdev/pci/", "vdev/ring/",
             "vdev/runner/", "vdev/machine/", "vdev/trace/"),
    "devices": ("vdev/devices/", "vdev/testing/"),
    "vhost-user": ("vdev/virtio/", "vdev/transport/vhost_user/protocol/",
                   "vdev/transport/vhost_user/server/", "host/scenario/"),
    "transports": ("vdev/transport/",),
    "host": ("host/", "vdev/replay/"),
    "others": ("",),
}

# What the explorer and the simulation run is compiled with hooks, and examined without.
HOOKED = ("-DBELLWIRE_EXPLORED", "-DBELLWIRE_SIMULATED")

_INCLUDED = re.compile(r'^#include "([^"]+\.cpp)"', re.MULTILINE)
_TEST_TARGET = re.compile(r"/CMakeFiles/[\w-]+-test\.dir/")
_ENTRY = re.compile(r'^(?:extern "C" )?int (main|LLVMFuzzer\w+)\(', re.MULTILINE)


@dataclass(frozen=True)
class Sources:
    together: tuple[Path, ...]
    alone: tuple[Path, ...]  # in no unity file, because they contain a whole library
    flags: tuple[str, ...]  # the macros and folders of all of them


def check(tree: Path, without: Sequence[str] = ()) -> int:
    """All checks but those. Returns how many sources it has looked at; raises Failed with what clang-tidy found."""
    sources = of_tree(tree)
    groups = [*grouped(sources.together), *((f"alone-{path.stem}", [path])
                                            for path in sorted(sources.alone))]
    options = [f"--config-file={ROOT / '.clang-tidy'}", "--quiet",
               *([f"--checks={','.join(f'-{name}' for name in without)}"] if without else [])]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = [pool.submit(examine, tree, name, paths, sources.flags, options)
                 for name, paths in groups]
    complaints = [text for each in found for text in each.result()]
    if complaints:
        raise Failed("\n".join(complaints))
    return sum(len(paths) for _, paths in groups)


def of_tree(tree: Path) -> Sources:
    """What the compile commands of that tree have; a unity file stands for its sources. Generated ones
    are data."""
    together: set[Path] = set()
    alone: set[Path] = set()
    flags: set[str] = set()
    for entry in json.loads((tree / "compile_commands.json").read_text()):
        path = Path(entry["file"])
        words = shlex.split(entry["command"])
        output = words[words.index("-o") + 1]
        if path.suffix != ".cpp" or is_of_test(path, output):
            continue
        if path.parent.name == "unity":
            included = {ROOT / name for name in _INCLUDED.findall(path.read_text())}
            together |= {source for source in included if not source.is_relative_to(tree)}
        elif not path.is_relative_to(tree):
            alone.add(path)
        flags |= {word for word in words if word.startswith(("-D", "-I"))} - set(HOOKED)
    if not together:
        raise Failed(f"{tree} compiles no source: is it a unity build?")
    return Sources(tuple(sorted(together)), tuple(sorted(alone - together)), tuple(sorted(flags)))


def is_of_test(path: Path, output: str) -> bool:
    """Test programs are many, and what they do wrong shows when they run."""
    return path.name.endswith("_test.cpp") or \
        _TEST_TARGET.search(f"/{output}") is not None and not output.startswith("docs/")


def grouped(paths: Iterable[Path]) -> list[tuple[str, list[Path]]]:
    groups: dict[str, list[Path]] = defaultdict(list)
    for path in paths:
        groups[next(group for group, folders in GROUPS.items()
                    if any(f"/{folder}" in str(path) for folder in folders))].append(path)
    return sorted(groups.items(), key=lambda group: -len(group[1]))  # the longest start first


def examine(tree: Path, name: str, paths: Sequence[Path], flags: Sequence[str],
            options: Sequence[str]) -> list[str]:
    """Returns what it found in each part of the group."""
    source = tree / "tidy" / f"{name}.cpp"
    source.parent.mkdir(exist_ok=True)
    replace_if_different(source, joined(paths))
    try:
        command(f"tidy-{name}", sys.executable, TIDY, *options, source, "--",
                "clang++", "-std=c++20", *flags, source, cwd=tree, limit=LIMIT)
    except Failed as failure:
        log = (LOGS / f"tidy-{name}.log").read_text(errors="replace")
        if len(paths) == 1 or "[clang-diagnostic-error]" not in log:
            return [str(failure)]
        middle = len(paths) // 2
        return [text for part, half in enumerate((paths[:middle], paths[middle:]), 1)
                for text in examine(tree, f"{name}-{part}", half, flags, options)]
    return []


def joined(paths: Sequence[Path]) -> str:
    """A source that includes them. Each program's entry gets a name of its own."""
    return "".join(_included(path, number) for number, path in enumerate(paths))


def _included(path: Path, number: int) -> str:
    names = _ENTRY.findall(path.read_text(errors="replace"))
    return "".join((*(f"#define {name} {name}_{number}\n" for name in names), f'#include "{path}"\n',
                    *(f"#undef {name}\n" for name in names)))


def replace_if_different(path: Path, text: str) -> None:
    """tidy.py looks at its content; a file that stays as it was is not even written."""
    if not path.exists() or path.read_text() != text:
        replace_file(path, text)
