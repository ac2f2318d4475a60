# SPDX-License-Identifier: BSD-3-Clause
"""A kernel's modules and their dependencies, as files of an initramfs."""

import lzma
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bellwire.core.places import HarnessError
from bellwire.image.cpio import Archive

_FOLDER = "lib/modules"


@dataclass(frozen=True)
class Own:
    """A module that a user built, and its parameters."""

    file: Path
    parameters: str = ""

    @classmethod
    def parse(cls, word: str) -> "Own":
        """FILE.ko or FILE.ko:PARAMETERS."""
        name, colon, parameters = word.partition(".ko:")
        return cls(Path(f"{name}.ko" if colon else word), parameters)

    def check(self, release: str) -> None:
        """Raises if it can't be loaded into that kernel."""
        if "\n" in self.parameters:
            raise HarnessError(f"--insmod {self.file}: parameters in two lines: give them in one")
        try:
            built_for = _facts(self.file).get("vermagic", "").split(" ")[0]
        except OSError as error:
            raise HarnessError(f"--insmod {self.file}: {error.strerror}; scripts/kmod builds the "
                               "modules of a folder") from None
        if not built_for:
            raise HarnessError(f"--insmod {self.file}: this is no kernel module: give a file that "
                               "ends in .ko, as scripts/kmod builds it")
        if built_for != release:
            raise HarnessError(f"--insmod {self.file}: it was built for kernel {built_for}, and the "
                               f"guest has {release}: build it with scripts/kmod --kernel, or "
                               "choose another --kernel for the guest")


def with_dependencies(names: Iterable[str], folder: Path) -> list[Path]:
    """The modules of those names and their dependencies, in the order in which to load them."""
    files = {_name(path): path for path in folder.rglob("*.ko*")}
    order: list[Path] = []

    def add(name: str) -> None:
        path = files.get(name)
        if path is None or path in order:
            return  # built in, or there already
        for needed in _needs(path):
            add(needed)
        order.append(path)

    for name in names:
        add(name)
    return order


def stock(names: Iterable[str], folder: Path) -> list[Path]:
    """The same for names that a user chose. Raises if the kernel does not have one of them."""
    wanted = [_name(Path(name)) for name in names]
    if not wanted:
        return []
    there = {_name(path) for path in folder.rglob("*.ko*")} | _built_in(folder)
    for name in wanted:
        if name not in there:
            raise HarnessError(f"no module '{name}' in kernel {folder.parent.name}: only those of "
                               "a --kernel that is generic have the drivers of all hardware")
    return with_dependencies(wanted, folder)


def with_own(stock: Iterable[Path], own: Iterable[Own], folder: Path) -> list[Path]:
    """Those, then the user's, each behind what it needs of the kernel's."""
    order = [*stock]
    for module in own:
        same = [path for path in order
                if path != module.file and _name(path) == _name(module.file)]
        if same:
            raise HarnessError(f"--insmod {module.file}: {same[0]} has the same name, and a kernel "
                               "loads one of them: leave one out")
        needed = with_dependencies(_needs(module.file), folder)
        order += [path for path in (*needed, module.file) if path not in order]
    return order


def put(archive: Archive, modules: Iterable[Path]) -> None:
    for path in modules:
        archive.file(f"{_FOLDER}/{_name(path)}.ko", _plain(path))


def put_order(archive: Archive, modules: Iterable[Path], name: str = f"{_FOLDER}/order",
              parameters: Mapping[Path, str] = {}) -> None:
    """Adds the list of modules that images/init loads, in that order."""
    archive.file(name, "".join(f"{_name(path)} {parameters.get(path, '')}\n" for path in modules)
                 .encode())


def _built_in(folder: Path) -> set[str]:
    listed = folder.with_name("modules.builtin").read_text()
    return {_name(Path(line)) for line in listed.splitlines()}


def _facts(path: Path) -> dict[str, str]:
    """What is said in a module's section .modinfo, by its tags."""
    found = re.findall(rb"(?<=\0)(depends|vermagic|softdep)=([^\0]*)\0", _plain(path))
    return {tag.decode(): text.decode(errors="replace") for tag, text in found}


def _needs(path: Path) -> list[str]:
    """With the algorithms that it only asks for, in their plain implementations: ext4 mounts nothing
    without crc32c_generic."""
    facts = _facts(path)
    asked = facts.get("softdep", "").partition("post:")[0].removeprefix("pre:").split()
    return [*(name for name in facts.get("depends", "").split(",") if name),
            *(f"{name.removeprefix('crypto-')}_generic" for name in asked)]


def _name(path: Path) -> str:
    return path.name.split(".")[0].replace("-", "_")


def _plain(path: Path) -> bytes:
    """A module's bytes, unpacked, as busybox's insmod needs them."""
    data = path.read_bytes()
    return lzma.decompress(data) if path.suffix == ".xz" else data
