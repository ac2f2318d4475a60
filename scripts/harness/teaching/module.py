# SPDX-License-Identifier: BSD-3-Clause
"""A student's kernel module: built for the kernel that a lab's guest has, by a Kbuild of ours."""

import re
from collections.abc import Sequence
from pathlib import Path

from bellwire.core.places import write
from bellwire.image import kbuild, kernel
from bellwire.teaching import code
from bellwire.teaching.grader import NotBuilt

BUILD_LIMIT = 120.0  # seconds
_ERROR = re.compile(r"(?i)\berror\b")


def build(folder: Path, sources: Sequence[str], into: Path) -> Path:
    """Of the student's folder only these are read; the first is the module's. NotBuilt says why
    there is none."""
    base = kernel.get(kernel.DEFAULT)
    place = into / "module"
    place.mkdir()
    for name in sources:
        code.copy_source(folder / name, place / name)
    made = place / Path(sources[0]).with_suffix(".ko")
    write(place / "Kbuild", f"obj-m := {made.with_suffix('.o').name}\n")
    log = into / "kbuild.log"
    if kbuild.run(base, place, log, BUILD_LIMIT) or not made.exists():
        raise NotBuilt(f"it does not compile: {_reason(log, place)}")
    return made


def _reason(log: Path, place: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()
    errors = [line for line in lines if _ERROR.search(line)]
    return (errors or lines or ["?"])[0].replace(f"{place}/", "")
