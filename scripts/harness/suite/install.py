# SPDX-License-Identifier: BSD-3-Clause
"""The installed library, as a project elsewhere finds it: by CMake and by pkg-config."""

import json
import shlex
import shutil
from pathlib import Path

from bellwire.core.places import BUILD, ROOT
from bellwire.report.results import Case
from . import build
from .step import LOGS, Step, command

EXAMPLES = ROOT / "docs/examples"
EXAMPLE = EXAMPLES / "device"
# Nothing is compiled but headers of every layer that others link: the layers were compiled before.
SUBDIRECTORY = """\
cmake_minimum_required(VERSION 3.25)
project(mine LANGUAGES CXX)
add_subdirectory("{root}" bellwire)
file(WRITE "${{CMAKE_BINARY_DIR}}/part.cpp" "#include \\"vdev/core/interrupt.hpp\\"\\n")
add_library(part OBJECT "${{CMAKE_BINARY_DIR}}/part.cpp")
target_link_libraries(part PRIVATE bellwire::devices bellwire::testing bellwire::vhost-user-server)
"""


def installed() -> Path:
    prefix = LOGS / "prefix"
    command("build-release", "scripts/build")
    shutil.rmtree(prefix, ignore_errors=True)
    command("install", "cmake", "--install", BUILD / "release", "--prefix", prefix)
    return prefix


def by_cmake(prefix: Path, name: str) -> Case:
    folder = LOGS / f"example-{name}"
    shutil.rmtree(folder, ignore_errors=True)
    command("example-configure", "cmake", "-G", "Ninja", "-S", EXAMPLES / name, "-B", folder,
            f"-DCMAKE_PREFIX_PATH={prefix}", environment=build.remembered())
    command("example-build", "cmake", "--build", folder, environment=build.remembered())
    command("example-test", "ctest", "--test-dir", folder, "--no-tests=error",
            "--output-on-failure")
    return Case(f"the example {name} by find_package")


def by_pkg_config(prefix: Path) -> Case:
    packages = ":".join(str(path.parent) for path in prefix.rglob("*.pc"))

    def flags(of: str) -> list[str]:
        return shlex.split(command("pkg-config", "pkg-config", of, "bellwire",
                                   environment={"PKG_CONFIG_PATH": packages}))

    program = LOGS / "example-by-pkg-config"
    launcher = build.remembered().get("CMAKE_CXX_COMPILER_LAUNCHER", "env")
    objects = []
    for source in EXAMPLE.glob("*.cpp"):
        objects.append(LOGS / f"example-{source.stem}.o")
        command("example-by-pkg-config", launcher, "g++", "-std=c++20", *flags("--cflags"), "-c",
                source, "-o", objects[-1], environment=build.remembered())
    command("example-by-pkg-config", "g++", *objects, "-o", program, *flags("--libs"))
    command("example-run", program)
    return Case("the example device by pkg-config")


def as_part_of_another() -> Case:
    """A project that takes in this one by add_subdirectory, as by FetchContent."""
    folder = LOGS / "example-subdirectory"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "CMakeLists.txt").write_text(SUBDIRECTORY.format(root=ROOT))
    command("example-subdirectory", "cmake", "-G", "Ninja", "-S", folder, "-B", folder / "build",
            environment=build.remembered())
    command("example-subdirectory", "cmake", "--build", folder / "build", "--target", "part",
            environment=build.remembered())
    return Case("the library as part of another project")


def back_end(prefix: Path) -> Case:
    """What management tools find is a description, and the program that it names."""
    description = json.loads(next(prefix.rglob("50-bellwire-vhost-user-rng.json")).read_text())
    program = prefix / "libexec" / Path(description["binary"]).name
    said = json.loads(command("installed-back-end", program, "--print-capabilities"))
    assert said["type"] == description["type"] == "rng", said
    return Case("the installed back-end")


def consume() -> list[Case]:
    prefix = installed()
    said = command("installed-program", prefix / "bin/bellwire", "--version")
    assert said.startswith("bellwire "), said
    examples = [by_cmake(prefix, name) for name in ("device", "idio16", "virtio")]
    return [Case("the installed program"), back_end(prefix), *examples, by_pkg_config(prefix),
            as_part_of_another()]


STEPS = (
    Step("install", consume, build.RELEASE),
)
