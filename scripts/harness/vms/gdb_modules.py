# SPDX-License-Identifier: BSD-3-Clause
"""Sourced by gdb, in whose Python it runs: adds a module's symbols when the guest loads it.

    bellwire-modules FILE.ko...     those of which there is a file with symbols
"""

from pathlib import Path

import gdb  # type: ignore[import]

LOADED = "do_init_module"  # the kernel calls it when the sections are in their places


def name_of(module: "gdb.Value") -> str:
    return str(module["name"].string())


def sections(module: "gdb.Value") -> dict[str, int]:
    """Their addresses in the guest."""
    there = module["sect_attrs"].dereference()
    attributes = there["attrs"]
    each = (attributes[number] for number in range(int(there["nsections"])))
    return {str(one["battr"]["attr"]["name"].string()): int(one["address"]) for one in each}


class Loads(gdb.Breakpoint):  # type: ignore[misc]
    """A hardware breakpoint: before the kernel's first instruction its text is not there yet, and an
    instruction put in its place would be overwritten."""

    def __init__(self, files: dict[str, Path]) -> None:
        super().__init__(LOADED, type=gdb.BP_HARDWARE_BREAKPOINT, internal=True)
        self.silent = True
        self._files = files

    def stop(self) -> bool:
        try:
            module = gdb.parse_and_eval("$rdi").cast(gdb.lookup_type("struct module").pointer())
            if file := self._files.get(name_of(module)):
                add(file, sections(module))
        except gdb.error as error:  # a kernel without types, or with others
            gdb.write(f"symbols of a module: not loaded: {error}\n")
        return False


def add(file: Path, where: dict[str, int]) -> None:
    named = " ".join(f"-s {name} {address:#x}" for name, address in where.items() if name != ".text")
    gdb.execute(f"add-symbol-file {file} {where.get('.text', 0):#x} {named}", to_string=True)
    gdb.write(f"symbols of {file.name}: loaded\n")


class Modules(gdb.Command):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__("bellwire-modules", gdb.COMMAND_FILES)

    def invoke(self, argument: str, _: bool) -> None:
        files = [Path(word) for word in gdb.string_to_argv(argument)]
        Loads({file.stem.replace("-", "_"): file for file in files})


Modules()
