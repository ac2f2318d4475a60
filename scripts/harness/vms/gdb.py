# SPDX-License-Identifier: BSD-3-Clause
"""A script for gdb, which then knows the names in a guest's kernel, in the modules that it loads, and
in the program that it runs."""

import struct
from collections.abc import Iterable
from pathlib import Path

from bellwire.core.places import ROOT, plain, plain_alias

_MODULES = Path(__file__).with_name("gdb_modules.py")
# Otherwise the kernel and its programs would be at other addresses in each boot.
KERNEL_PARAMETERS = ("nokaslr", "norandmaps")
# Where Linux on x86-64 then puts a program that runs at any address (ELF_ET_DYN_BASE).
_ANYWHERE = 0x5555_5555_4000
_ELF_HEAD = struct.Struct("<4s12xH")  # the magic number, …, the file's type
_FIXED, _MOVABLE = 2, 3  # ET_EXEC, ET_DYN


def script(port: int, vmlinux: Path | None, modules: Iterable[Path], program: Path | None) -> str:
    """Without `vmlinux` there are the program's names alone: the kernel's own say where a module is."""
    lines = ["set pagination off", "set confirm off", "set architecture i386:x86-64",
             "set breakpoint pending on"]  # what is in a module, or in a program, comes later
    if vmlinux:
        lines.append(f"file {_plain(vmlinux)}")
    if program:
        lines.append(_program(program))
    lines.append(f"target remote 127.0.0.1:{port}")
    if vmlinux:
        files = [_plain(path) for path in modules]
        named = " ".join(map(str, files))
        # Their sources are named from where they were built (kbuild.make).
        folders = dict.fromkeys([_plain(ROOT / "guest-kmod"), *(file.parent for file in files)])
        lines += [f"directory {folder}" for folder in folders]
        lines += [f"source {_plain(_MODULES)}", f"bellwire-modules {named}"]
    return "\n".join(lines) + "\n"


def _program(path: Path) -> str:
    """Nothing for what isn't compiled, such as a script."""
    try:
        with path.open("rb") as file:
            magic, kind = _ELF_HEAD.unpack(file.read(_ELF_HEAD.size))
    except (OSError, struct.error):
        magic, kind = b"", 0
    if magic != b"\x7fELF" or kind not in (_FIXED, _MOVABLE):
        return f"# no symbols in {path}"
    return f"add-symbol-file {_plain(path)}{f' -o {_ANYWHERE:#x}' if kind == _MOVABLE else ''}"


def _plain(path: Path) -> Path:
    """gdb's commands disagree about quotes."""
    return path if plain(path) else plain_alias(path)
