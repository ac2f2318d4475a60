# SPDX-License-Identifier: BSD-3-Clause
"""Files that are made again only when an ingredient changed: its path, size or time.

What comes from a kernel's packages is the same in every cache: it goes by its path in them.

The recipe of `x` is kept beside it, in `x.recipe`.
"""

import json
from collections.abc import Iterable
from pathlib import Path

from harness.core.places import HarnessError, replace_file


def of(ingredients: Iterable[Path], packages: Path) -> str:
    try:
        stats = [(str(_inside(path, packages)), path.stat()) for path in ingredients]
    except FileNotFoundError as error:
        raise HarnessError(f"no {error.filename}: scripts/setup and scripts/build make what the "
                           "image needs") from None
    return json.dumps([(path, stat.st_size, stat.st_mtime_ns) for path, stat in stats])


def _inside(path: Path, folder: Path) -> Path:
    return path.relative_to(folder) if path.is_relative_to(folder) else path


def made(recipe: str, target: Path) -> bool:
    """Whether that recipe made it, as it is."""
    stamp = _stamp(target)
    return target.exists() and stamp.exists() and stamp.read_text() == recipe


def remember(recipe: str, target: Path) -> None:
    replace_file(_stamp(target), recipe.encode())


def _stamp(target: Path) -> Path:
    return target.with_name(f"{target.name}.recipe")
