# SPDX-License-Identifier: BSD-3-Clause
"""Puts into the package what it works with: the sources of its programs, of the guest's module and
of the image, and the scripts. An editable installation uses those of the clone. The rest is in
pyproject.toml."""

import re
import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
PARTS = ("CMakeLists.txt", "CMakePresets.json", "LICENSE", "cmake", "docs/examples", "docs/labs",
         "guest-kmod", "host", "images", "scripts", "vdev")
STARTERS = ("scripts/harness/enter", "scripts/harness/start.py")  # the rest of it is the package
# Tests and what else is about a clone, not about what users of the package do.
LEFT_OUT = shutil.ignore_patterns("__pycache__", "corpus", "harness", "python", "vmtests", "test",
                                  "shape", "conform-table", "fault-table", "restart-matrix", "solutions")


class BuildWithTree(build_py):
    def find_package_modules(self, package: str, folder: str) -> list[tuple[str, str, str]]:
        return [found for found in super().find_package_modules(package, folder)
                if not found[1].endswith("_test")]

    def run(self) -> None:
        if self.editable_mode:
            super().run()
            return
        shutil.rmtree(Path(self.build_lib, "bellwire"), ignore_errors=True)
        super().run()
        tree = Path(self.build_lib, "bellwire/tree")
        for part in PARTS:
            if (ROOT / part).is_dir():
                shutil.copytree(ROOT / part, tree / part, ignore=LEFT_OUT)
            else:
                tree.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / part, tree / part)
        for name in STARTERS:
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tree / name)


def version() -> str:
    found = re.search(r"project\(bellwire VERSION ([\d.]+)", (ROOT / "CMakeLists.txt").read_text())
    assert found, "CMakeLists.txt has the version"
    return found[1]


setup(version=version(), cmdclass={"build_py": BuildWithTree},
      options={"build": {"build_base": "build/python-package"}})
