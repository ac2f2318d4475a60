# SPDX-License-Identifier: BSD-3-Clause
"""What is installed, as projects elsewhere find it: the library by CMake and by pkg-config, the
package by Python."""

import json
import shlex
import shutil
import subprocess
import sys
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
project(mine LANGUAGES C CXX)
include(FetchContent)
FetchContent_Declare(bellwire SOURCE_DIR "{root}")
FetchContent_MakeAvailable(bellwire)
enable_testing()
file(WRITE "${{CMAKE_BINARY_DIR}}/part.cpp" "#include \\"host/device/device_main.hpp\\"\\n")
bellwire_add_device(part "${{CMAKE_BINARY_DIR}}/part.cpp")
bellwire_add_vm_test(NAME part-in-a-vm DEVICE part COMMAND true)
"""


def installed(name: str) -> Path:
    prefix = LOGS / name
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


def device_main() -> Case:
    """A program outside has the whole command line of `bellwire device`."""
    program, trace = LOGS / "example-device/sum", LOGS / "example.trace"
    command("device-main", program, "sum", "--on", "in-process:rings=100", "--trace", trace)
    said = json.loads(trace.read_text())
    assert (said["device"], len(said["requests"])) == ("sum", 100), said["device"]
    refused = subprocess.run([program, "nosuch"], capture_output=True, text=True, check=False)
    assert refused.returncode == 2 and refused.stderr.count("\n") == 1, refused
    return Case("an own program's command line")


def by_pkg_config(prefix: Path) -> Case:
    packages = ":".join(str(path.parent) for path in prefix.rglob("*.pc"))

    def flags(of: str) -> list[str]:
        return shlex.split(command("pkg-config", "pkg-config", of, "bellwire",
                                   environment={"PKG_CONFIG_PATH": packages}))

    program = LOGS / "example-by-pkg-config"
    launcher = build.remembered().get("CMAKE_CXX_COMPILER_LAUNCHER", "env")
    objects = []
    for source in EXAMPLE.glob("*.cpp"):
        if source.stem == "sum_test":
            continue
        objects.append(LOGS / f"example-{source.stem}.o")
        command("example-by-pkg-config", launcher, "g++", "-std=c++20", *flags("--cflags"), "-c",
                source, "-o", objects[-1], environment=build.remembered())
    command("example-by-pkg-config", "g++", *objects, "-o", program, *flags("--libs"))
    command("example-run", program, "slow_sum", "--on", "in-process:rings=100,depth=8")
    return Case("the example device by pkg-config")


def as_part_of_another() -> Case:
    """A project that takes in this one by add_subdirectory, as by FetchContent."""
    folder = LOGS / "example-subdirectory"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "CMakeLists.txt").write_text(SUBDIRECTORY.format(root=ROOT))
    command("example-subdirectory", "cmake", "-G", "Ninja", "-S", folder, "-B", folder / "build",
            environment=build.remembered())
    command("example-subdirectory", "cmake", "--build", folder / "build", "--target",
            "CMakeFiles/part.dir/part.cpp.o", environment=build.remembered())
    listed = command("example-subdirectory", "ctest", "--test-dir", folder / "build", "-N")
    assert "part-in-a-vm" in listed, listed
    return Case("the library as part of another project")


def guest_library(prefix: Path) -> Case:
    """Its header and archive are enough; whoever has no device gets a reason in one line."""
    packages = ":".join(str(path.parent) for path in prefix.rglob("*.pc"))
    flags = command("guest-flags", "pkg-config", "--cflags", "--libs", "bellwire-guest",
                    environment={"PKG_CONFIG_PATH": packages})
    program = LOGS / "ask"
    command("guest-library", "gcc", "-static", EXAMPLE / "guest/ask.c", "-o", program,
            *shlex.split(flags))
    asked = subprocess.run([program, "1"], capture_output=True, text=True, check=False)
    assert (asked.returncode, asked.stderr.count("\n")) == (1, 1), asked
    return Case("the guest's library by pkg-config")


def back_end(prefix: Path) -> Case:
    """What management tools find is a description, and the program that it names."""
    description = json.loads(next(prefix.rglob("50-bellwire-vhost-user-rng.json")).read_text())
    program = prefix / "libexec" / Path(description["binary"]).name
    said = json.loads(command("installed-back-end", program, "--print-capabilities"))
    assert said["type"] == description["type"] == "rng", said
    return Case("the installed back-end")


def consume() -> list[Case]:
    prefix = installed("prefix")
    said = command("installed-program", prefix / "bin/bellwire", "--version")
    assert said.startswith("bellwire "), said
    examples = [by_cmake(prefix, name) for name in ("device", "idio16", "virtio")]
    return [Case("the installed program"), back_end(prefix), *examples, device_main(),
            by_pkg_config(prefix), guest_library(prefix), as_part_of_another()]


# A test as others write it: what it uses has types.
TYPED = """\
from pathlib import Path
import bellwire

def rings(folder: Path) -> int:
    with bellwire.lab(["echo"], kernel="6.12", folder=folder) as lab, lab.trace() as trace:
        vm: bellwire.Vm = lab.boot()
        done: bellwire.Completed = vm.run("bell ring --count 100", 60)
        lab.devices[0].kill()
    return done.status + len(trace.requests)
"""
# The build folder as harness/enter and as places.py have it.
FOLDERS = ('sh -c \'self=$0; . "${0%/*}/harness/enter"; echo "$build"\' "$1/tree/scripts/setup" && '
           '"$0" -c "from bellwire.core import places; print(places.BUILD)"')


def python_package() -> list[Case]:
    cases = []
    for title, how in (("a copy", ()), ("editable", ("--editable",))):
        folder = LOGS / f"python-{title.split()[-1]}"
        shutil.rmtree(folder, ignore_errors=True)
        command("python-venv", sys.executable, "-m", "venv", "--without-pip",
                "--system-site-packages", folder)
        interpreter = folder / "bin/python"
        command("python-install", sys.executable, "-m", "pip", "--python", interpreter, "install",
                "--no-index", "--no-deps", "--no-build-isolation", *how, ROOT)
        cases += [*_importable(title, interpreter), _typed(title, interpreter)]
        if not how:
            cases.append(_builds(interpreter))
    return cases


def _python(interpreter: Path, *argv: str | Path) -> str:
    """As a user runs it: elsewhere, without the paths of these scripts."""
    return command("python-run", "env", "-u", "PYTHONPATH", "-u", "BELLWIRE_BUILD",
                   interpreter, *argv, cwd=LOGS)


def _importable(title: str, interpreter: Path) -> list[Case]:
    said = _python(interpreter, "-c", "import bellwire; print(bellwire.Lab.__module__)")
    assert said == "bellwire.labs.lab\n", said
    markers = _python(interpreter, "-m", "pytest", "--markers", "-p", "no:cacheprovider")
    assert "@pytest.mark.transport(*words)" in markers, markers
    labs = _python(interpreter, "-m", "bellwire", "lab", "list")
    assert "03-kernel-rings" in labs, labs
    _python(interpreter, "-c", "from bellwire.teaching import explore, hands, interleave as steps; "
                               "assert hands.SOURCE.exists() and steps.STEPPER.exists(); "
                               "assert (explore.HERE / 'explorer.h').exists()")
    return [Case(f"{title} of the Python package"), Case(f"{title}: pytest has the plugin"),
            Case(f"{title}: the labs are there, with what grades them")]


def _typed(title: str, interpreter: Path) -> Case:
    source = LOGS / "typed.py"
    source.write_text(TYPED)
    command("python-typed", "env", "-u", "MYPYPATH", "mypy", "--strict", "--python-executable",
            interpreter, "--cache-dir", BUILD / "mypy", source, cwd=LOGS)
    return Case(f"{title}: mypy knows its types")


def _builds(interpreter: Path) -> Case:
    """What it carries is enough for CMake, and is built where the package looks for it."""
    package = Path(_python(interpreter, "-c", "import bellwire; print(bellwire.__path__[0])").strip())
    caches = LOGS / "python-cache"
    shutil.rmtree(caches, ignore_errors=True)
    environment = {**build.remembered(), "XDG_CACHE_HOME": str(caches), "BELLWIRE_BUILD": "",
                   "BELLWIRE_SETUP": "done", "PYTHONPATH": ""}
    folders = command("python-folders", "sh", "-c", FOLDERS, interpreter, package, cwd=LOGS,
                      environment=environment).splitlines()
    assert len(set(folders)) == 1 and folders[0].startswith(str(caches)), folders
    command("python-build", interpreter, "-m", "bellwire", "build", "bare-peer", cwd=LOGS,
            environment=environment)
    peer = Path(folders[0], "release/guest-kmod/bare/ends/bare-peer")
    assert peer.exists(), peer
    return Case("a copy builds its programs in the user's cache")


STEPS = (
    Step("install", consume, build.RELEASE),
    Step("python package", python_package),
)
