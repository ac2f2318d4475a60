# SPDX-License-Identifier: BSD-3-Clause
"""Begins a device of your own: a PCI device in C++, its Linux driver, their tests in a VM, and what
builds and runs all of it, in a folder DIR, which is made.

They are those of docs/examples/squarer, under another name; its README says where to go on.
"""

import argparse
import keyword
import re
import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from bellwire.commands import command_line
from bellwire.core import messages
from bellwire.core.places import ROOT, HarnessError
from bellwire.image import build

TEMPLATE = ROOT / "docs/examples/squarer"
OLD = "squarer"
LONGEST = 20  # so that the names of functions and files stay readable
SOURCES = {".c", ".cpp", ".h", ".py", ".txt"}
NOT_COPIED = {".clang-format", "build", "__pycache__"}
# Those of C and C++ that the sources don't happen to have, and targets of CMake's.
_RESERVED = """all alignas and asm auto bool break case catch char clean compl continue default do
    double dynamic_cast export extern float for friend goto help long mutable operator or package
    protected register restrict short signed sizeof switch template throw try typedef typeid
    typename union virtual volatile while xor""".split()


def main(argv: Sequence[str]) -> int:
    command_line.exit_on_signals()
    parser = command_line.parser("new-device", __doc__)
    parser.add_argument("name", metavar="NAME", help="of the device: its driver, files and functions "
                        "have it in their names")
    parser.add_argument("folder", metavar="DIR", type=Path, nargs="?", help="(default: ./NAME)")
    options = parser.parse_args(argv)
    folder: Path = options.folder or Path(options.name)
    if trouble := wrong_name(options.name) or wrong_folder(folder):
        parser.error(trouble)
    make(options.name, folder, build.folder_of_library())
    _explain(parser, options.name, folder)
    return 0


def wrong_name(name: str) -> str:
    """Why a device can't be called that, or ""."""
    if not re.fullmatch(rf"[a-z][a-z0-9_]{{0,{LONGEST - 1}}}", name):
        return (f"NAME '{name}': choose up to {LONGEST} letters, digits and underscores, all small, "
                "with a letter first, such as my_timer")
    if name in _RESERVED or keyword.iskeyword(name) or name != OLD and name in _words():
        return f"NAME '{name}': that word has a meaning in the sources already; choose another"
    return ""


def wrong_folder(folder: Path) -> str:
    """Why they can't be made there, or ""."""
    if re.search(r'[;"$\\\n]', str(folder.absolute())):
        return f"DIR '{folder}': CMake takes no path with quotes, semicolons, dollars or backslashes"
    if not folder.absolute().parent.is_dir():
        return f"DIR '{folder}': there is no folder {folder.absolute().parent}: make it first"
    if folder.exists() and not folder.is_dir():
        return f"DIR '{folder}' is a file: choose another"
    if folder.is_dir() and any(folder.iterdir()):
        return f"DIR '{folder}' has files already: choose another, or one to be made"
    return ""


def _words() -> set[str]:
    return {word for path, text in _template() if Path(path).suffix in SOURCES
            for word in re.findall(r"\w+", text)}


def _template() -> Iterator[tuple[str, str]]:
    """Its files, each with its text."""
    for path in sorted(TEMPLATE.rglob("*")):
        name = path.relative_to(TEMPLATE)
        if path.is_file() and not NOT_COPIED.intersection(name.parts):
            yield str(name), path.read_text()


def renamed(text: str, name: str) -> str:
    """With that name in place of the template's: as it is, in CamelCase, in capitals."""
    camel = "".join(part.capitalize() for part in name.split("_"))
    for old, new in ((OLD, name), (OLD.capitalize(), camel), (OLD.upper(), name.upper())):
        text = text.replace(old, new)
    return text


def files(name: str, library: str) -> Mapping[str, str]:
    """What the folder gets. `library`: the folder in which CMake finds the package bellwire, unless
    the system or the user's settings have one."""
    made = {renamed(path, name): renamed(text, name) for path, text in _template()}
    if library:
        found = "find_package(bellwire REQUIRED"
        made["CMakeLists.txt"] = made["CMakeLists.txt"].replace(
            found, f'{found} HINTS "{library}"')
    return made


def make(name: str, folder: Path, library: str) -> None:
    """All of it or nothing is there when this ends. HarnessError: it can't be written there."""
    made = not folder.exists()
    try:
        for path, text in files(name, library).items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
    except BaseException as error:
        for part in [folder] if made else [*folder.iterdir()]:
            shutil.rmtree(part) if part.is_dir() else part.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise HarnessError(f"DIR '{folder}': {error.strerror}: choose another") from None
        raise


def _explain(parser: argparse.ArgumentParser, name: str, folder: Path) -> None:
    if missing := [package for package, there in _needs().items() if not there]:
        messages.say(f"{parser.prog}: what it needs is missing: apt install {' '.join(missing)}")
    print(f"{folder} has the device {name}, its driver and their tests. Build and test them:\n\n"
          f"    cd {shlex.quote(str(folder))}\n"
          "    cmake -B build && cmake --build build && ctest --test-dir build\n\n"
          f"{folder}/README.md says what to change.")


def _needs() -> Mapping[str, bool]:
    """The packages that a build of it needs, and whether they are there. In a clone, scripts/setup
    has installed them."""
    packaged = {
        "libbellwire-dev": any(Path("/usr/lib").glob("*/cmake/bellwire")),
        "python3-bellwire": Path("/usr/lib/python3/dist-packages/bellwire").exists(),
    } if build.PACKAGED else {"python3-pytest": Path("/usr/lib/python3/dist-packages/pytest").exists()}
    return {"cmake": shutil.which("cmake") is not None, **packaged}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
