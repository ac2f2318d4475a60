# SPDX-License-Identifier: BSD-3-Clause
"""Programs of this machine, with everything they need to run on an empty one."""

import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from bellwire.core import children
from bellwire.core.places import HarnessError

# What QEMU loads for our machine line: the BIOS, KVM's option ROM, and the kernel's loaders.
FIRMWARE = ("bios-256k.bin", "kvmvapic.bin", "linuxboot.bin", "linuxboot_dma.bin")
_ELF = b"\x7fELF"


def find(program: str) -> Path:
    """Its absolute path."""
    found = shutil.which(program)
    if not found:
        raise HarnessError(f"no program '{program}' to take into the emulated host")
    return Path(found).absolute()


def is_elf(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(_ELF)) == _ELF


def with_libraries(program: Path) -> list[Path]:
    """The program, its shared libraries and its loader, by the paths that it asks for."""
    if not is_elf(program):
        raise HarnessError(f"'{program}' is not an ELF program: the emulated host takes no script, "
                           "name the program itself")
    said = children.run("ldd", program)
    if "not found" in said.stdout:
        missing = re.findall(r"(\S+) => not found", said.stdout)
        raise HarnessError(f"'{program}' lacks {', '.join(missing)}: install what it needs")
    return [program, *libraries(said.stdout)]


def libraries(said: str) -> list[Path]:
    """The paths in the output of ldd or of a loader with --list."""
    return [Path(path) for path in re.findall(r"^\s*(?:\S+ => )?(/.+) \(0x", said, re.MULTILINE)]


def loader_path(files: Iterable[Path]) -> str:
    """For LD_LIBRARY_PATH: without an ld.so.cache, only the default folders are searched."""
    return ":".join(sorted({str(path.parent) for path in files if ".so" in path.name}))


def firmware(qemu: Path) -> list[Path]:
    """The files that QEMU loads for our VMs, in the folders where that QEMU looks for them."""
    said = children.run(qemu, "-L", "help").stdout
    folders = [Path(os.path.normpath(line)) for line in said.split("\n") if line]
    return [_blob(name, folders) for name in FIRMWARE]


def _blob(name: str, folders: list[Path]) -> Path:
    for folder in folders:
        if (folder / name).exists():
            return folder / name
    raise HarnessError(f"no {name} in {', '.join(map(str, folders))}: install seabios")
