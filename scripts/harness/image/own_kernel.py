# SPDX-License-Identifier: BSD-3-Clause
"""A kernel that somebody built: `boot-vm --kernel-image FILE --modules DIR`."""

import hashlib
import os
import struct
from dataclasses import dataclass
from pathlib import Path

from bellwire.core.places import HarnessError, plain
from bellwire.image.kernel import Kernel

# Of the header of a bzImage (Documentation/arch/x86/boot.rst).
_MAGIC, _MAGIC_AT, _VERSION_AT, _SETUP = b"HdrS", 0x202, 0x20E, 0x200
_READ = 1 << 16


@dataclass(frozen=True)
class OwnKernel(Kernel):
    file: Path
    folder: Path  # lib/modules/RELEASE, as `make modules_install` leaves it

    @property
    def image(self) -> Path:
        return self.file

    @property
    def modules(self) -> Path:
        return self.folder / "kernel"

    @property
    def headers(self) -> Path:
        """Where it was built, or its headers."""
        return (self.folder / "build").resolve()


def find(file: Path, folder: Path) -> OwnKernel:
    """Raises if these are not a kernel and its modules, or our module can't be built for it."""
    release = _release(file)
    if not (folder / "modules.builtin").is_file():
        raise HarnessError(f"--modules {folder}: no modules.builtin there: name the folder "
                           "lib/modules/RELEASE that make modules_install INSTALL_MOD_PATH=… made")
    if folder.resolve().name != release:
        raise HarnessError(f"--modules {folder}: these are of another kernel than {file}, which is "
                           f"{release}: name the folder of that name")
    found = OwnKernel(f"own-{_name(file, folder)}", release, folder.resolve(), file.resolve(),
                      folder.resolve())
    for needed in (".config", "Module.symvers"):
        if not (found.headers / needed).is_file():
            raise HarnessError(f"--modules {folder}: its link `build` leads to no {needed}, which our "
                               "module needs: let it lead to where that kernel was built")
    if not plain(found.headers) or not plain(found.root):
        raise HarnessError(f"--modules {folder}: kbuild takes no path with blanks or colons: move it")
    return found


def _release(file: Path) -> str:
    """What `uname -r` will say."""
    try:
        with file.open("rb") as image:
            head = image.read(_READ)
    except OSError as error:
        raise HarnessError(f"--kernel-image {file}: {error.strerror}; name a bzImage") from None
    if head[_MAGIC_AT:_MAGIC_AT + len(_MAGIC)] != _MAGIC:
        raise HarnessError(f"--kernel-image {file}: this is no bzImage: name arch/x86/boot/bzImage")
    (at,) = struct.unpack_from("<H", head, _VERSION_AT)
    return head[at + _SETUP:].partition(b"\0")[0].decode(errors="replace").partition(" ")[0]


def _name(file: Path, folder: Path) -> str:
    words = b"\0".join(os.fsencode(path.resolve()) for path in (file, folder))
    return hashlib.sha256(words).hexdigest()[:12]
