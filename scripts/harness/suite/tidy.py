# SPDX-License-Identifier: BSD-3-Clause
"""Runs clang-tidy on a source that it has not found clean before:
`tidy.py ARGUMENT… SOURCE -- COMPILER…`.

tidy_groups.py starts it in clang-tidy's place. It takes minutes for the whole tree, and what it
says depends on the source, on all files that the source includes, on the arguments, the settings
and the program. When it has found nothing, a file in the user's cache says so, under a key of all
these; clones share it, because paths in the clone are written as relative ones. A failure leaves
nothing behind.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

SOURCES = Path(__file__).absolute().parents[3]  # as CMake names it, which may be a link
sys.path.insert(0, str(SOURCES / "scripts/python"))

from bellwire.core.places import cache, caches, replace_file  # noqa: E402  # after the path is set

FOLDER = "clang-tidy"
KEPT = 600     # entries, of about 50 kB
VARIANTS = 4   # of an entry: states of the files that it includes
PROGRAM = "clang-tidy"

Inputs = dict[str, str]  # a file and what stands for its content


def main(argv: Sequence[str]) -> int:
    name = key(argv)
    variants = known(name)
    if any(unchanged(inputs) for inputs in variants):
        return 0
    began = time.time_ns()
    status = subprocess.run([PROGRAM, *argv]).returncode
    if status == 0:
        with suppress(OSError, subprocess.CalledProcessError):  # the next run is only slower
            remember(name, variants, inputs_of(argv[argv.index("--") + 1:]), began)
    return status


def key(argv: Sequence[str]) -> str:
    """Hashes everything that the result depends on, except the included files."""
    program = Path(os.path.realpath(shutil.which(PROGRAM) or PROGRAM))
    settings = [Path(word.partition("=")[2]) for word in argv if word.startswith("--config-file=")]
    facts = [plain(" ".join(argv)), stamp(program), *(path.read_text() for path in settings)]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:40]


def plain(text: str) -> str:
    """The same in every clone, whatever its path, and in every build folder."""
    return text.replace(os.getcwd(), "@build").replace(str(SOURCES), "@")


def actual(path: str) -> Path:
    return Path(path.replace("@build", os.getcwd(), 1).replace("@", str(SOURCES), 1)
                if path.startswith("@") else path)


def inputs_of(compiler: Sequence[str]) -> Inputs:
    """Every file that the compiler reads for that command."""
    command = [word for word in compiler if word != "-MD"]
    for option in ("-o", "-MT", "-MF"):
        if option in command:
            at = command.index(option)
            del command[at:at + 2]
    said = subprocess.run([*command, "-M", "-MF", "-"], capture_output=True, text=True, check=True)
    _, _, names = said.stdout.replace("\\\n", " ").partition(": ")
    return {plain(str(Path.cwd() / name)): content(Path(name)) for name in names.split()}


def unchanged(inputs: Inputs) -> bool:
    try:
        return all(content(actual(name)) == told for name, told in inputs.items())
    except OSError:
        return False


def content(path: Path) -> str:
    """A file of the system's is known by its size and time, one of the project's by what it says;
    the files of groups name their sources by absolute paths."""
    if path.is_absolute() and path.is_relative_to("/usr"):
        return stamp(path)
    return hashlib.sha256(plain(path.read_text(errors="surrogateescape"))
                          .encode(errors="surrogateescape")).hexdigest()


def stamp(path: Path) -> str:
    status = path.stat()
    return f"{status.st_size} {status.st_mtime_ns}"


def known(name: str) -> list[Inputs]:
    for place in caches():
        with suppress(OSError, ValueError):
            found: list[Inputs] = json.loads((place / FOLDER / name).read_text())
            return found
    return []


def remember(name: str, variants: Sequence[Inputs], inputs: Inputs, began: int) -> None:
    """Stores the result, unless a file was written while clang-tidy read it."""
    if any(actual(path).stat().st_mtime_ns > began for path in inputs):
        return
    folder = cache() / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    replace_file(folder / name, json.dumps([inputs, *variants][:VARIANTS]))
    entries = sorted(folder.iterdir(), key=lambda entry: entry.stat().st_mtime_ns)
    for old in entries[:-KEPT]:
        old.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
