# SPDX-License-Identifier: BSD-3-Clause
"""The arrows between the layers: a file of vdev or host includes only what its layer links.

A layer is a `bellwire_layer` of a CMakeLists.txt, with the files below its folder, down to the next
layer. It reaches itself and the layers that it USES, and those that they use. What the linker can't
see is checked as well: headers without code, and the rules that hold whatever CMake says. Layers are
built where no test library is, so their sources reach none.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

_DECLARED = re.compile(r"^(bellwire_layer|bellwire_test|bellwire_fuzz)\(([\w-]+)(.*?)\)$",
                       re.MULTILINE | re.DOTALL)
_INCLUDE = re.compile(r'^#include "((?:vdev|host|guest-kmod)/[^"]+)"', re.MULTILINE)
_TEST_LIBRARY = re.compile(r"^#include <doctest/", re.MULTILINE)
# Never allowed, whatever CMake says: the first must not include the second.
APART = (("vdev/", "host/", ()), ("vdev/", "guest-kmod/", ("/uapi/",)),
         ("vdev/devices/", "vdev/transport/", ()), ("vdev/transport/", "vdev/devices/", ()))


@dataclass
class Layer:
    name: str
    folder: str  # from the root, with a slash at the end
    uses: tuple[str, ...]
    sources: tuple[str, ...] = ()
    tests: dict[str, tuple[str, ...]] = field(default_factory=dict)  # a source: what it may use


def declared(root: Path) -> list[Layer]:
    """The layers; a program of tests belongs to the layer of its CMakeLists.txt."""
    layers: list[Layer] = []
    for path in sorted(path for top in ("vdev", "host") for path in (root / top).rglob("CMakeLists.txt")):
        folder = f"{path.parent.relative_to(root)}/"
        tests: dict[str, tuple[str, ...]] = {}
        for kind, name, rest in _DECLARED.findall(re.sub("#.*", "", path.read_text())):
            sources, _, uses = rest.partition("USES")
            used = tuple(re.findall(r"bellwire::([\w-]+)", uses))
            if kind == "bellwire_layer":
                layers.append(Layer(name, folder, used, tuple(
                    folder + source for source in sources.split() if source.endswith(".cpp"))))
            else:
                tests |= {folder + source: used for source in sources.split()[1:]}
        for layer in layers:
            if layer.folder == folder:
                layer.tests = tests
    return layers


def wrong_includes(root: Path, files: list[Path]) -> Iterator[str]:
    """"FILE includes HEADER: why not" for each."""
    layers = declared(root)
    known = {layer.name: layer for layer in layers}
    for path in files:
        name = str(path.relative_to(root))
        if not (layer := _owner(name, layers)):
            continue
        used = layer.tests.get(name)
        allowed = _reached({layer.name, *(layer.uses if used is None else used)}, known)
        for header in _INCLUDE.findall(path.read_text()):
            if why := _trouble(name, header, allowed, layers, tested=used is not None):
                yield f"{name} includes {header}: {why}"


def with_test_library(root: Path) -> Iterator[str]:
    """"SOURCE reaches HEADER, …" for each source of a layer that can't be built without doctest."""
    for layer in declared(root):
        for source in layer.sources:
            waiting, seen = [source], set[str]()
            while waiting:
                name = waiting.pop()
                if name in seen or not (root / name).is_file():
                    continue
                seen.add(name)
                text = (root / name).read_text()
                if _TEST_LIBRARY.search(text):
                    yield f"{source} reaches {name}, which includes the test library"
                waiting += _INCLUDE.findall(text)


def _trouble(name: str, header: str, allowed: set[str], layers: list[Layer], tested: bool) -> str:
    for ours, theirs, but in APART:
        if name.startswith(ours) and header.startswith(theirs) and not tested and \
                not any(part in header for part in but):
            return f"{ours} never includes {theirs}"
    owner = _owner(header, layers)
    if owner and owner.name not in allowed:
        return f"its layer does not use {owner.name}"
    return ""


def _owner(name: str, layers: list[Layer]) -> Layer | None:
    inside = [layer for layer in layers if name.startswith(layer.folder)]
    return max(inside, key=lambda layer: len(layer.folder)) if inside else None


def _reached(names: set[str], known: Mapping[str, Layer]) -> set[str]:
    reached: set[str] = set()
    while names:
        reached |= names
        names = {use for name in names if name in known for use in known[name].uses} - reached
    return reached
