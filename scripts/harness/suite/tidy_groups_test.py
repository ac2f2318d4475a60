# SPDX-License-Identifier: BSD-3-Clause
import json
import re
import tempfile
import unittest
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest import mock

from bellwire.core.places import ROOT
from bellwire.suite import tidy_groups
from bellwire.suite.step import Failed


class Folder(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.commands: list[dict[str, str]] = []

    def write(self, name: str, text: str = "") -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def compiled(self, source: Path, output: str, *flags: str) -> None:
        self.commands.append({"file": str(source), "command":
                              f"clang++ {' '.join(flags)} -o {output} -c {source}"})
        self.write("compile_commands.json", json.dumps(self.commands))


class TreeTest(Folder):
    def test_a_unity_file_stands_for_its_sources_but_generated_ones(self) -> None:
        self.compiled(self.write("vdev/os/unity/bellwire-os.cpp",
                                 '#include "vdev/os/b.cpp"\n#include "vdev/os/a.cpp"\n'),
                      "vdev/os/CMakeFiles/bellwire-os.dir/unity/bellwire-os.cpp.o", "-DONE", "-I/r")
        self.compiled(self.write("host/explore/unity/explored-bad.cpp",
                                 f'#include "vdev/os/a.cpp"\n#include "{self.folder}/bad/b.cpp"\n'),
                      "host/explore/CMakeFiles/explored-bad.dir/unity/bad.cpp.o", *tidy_groups.HOOKED)
        self.compiled(self.write("host/trace/page_parts.cpp"), "host/trace/page_parts.cpp.o")
        self.compiled(Path("/r/vdev/os/text.cpp"), "vdev/text.o", "-DTWO", "-O1")
        self.compiled(Path("/r/guest-kmod/main.c"), "main.o", "-DTHREE")
        found = tidy_groups.of_tree(self.folder)
        self.assertEqual(found.together, (ROOT / "vdev/os/a.cpp", ROOT / "vdev/os/b.cpp"))
        self.assertEqual(found.alone, (Path("/r/vdev/os/text.cpp"),))
        self.assertEqual(found.flags, ("-DONE", "-DTWO", "-I/r"))

    def test_test_programs_are_left_out_but_for_the_examples(self) -> None:
        for target, wanted in (("vdev/os/CMakeFiles/os-test.dir", True),
                               ("vdev/os/CMakeFiles/bellwire-os.dir", False),
                               ("docs/examples/device/CMakeFiles/sum-test.dir", False)):
            with self.subTest(target):
                self.assertEqual(tidy_groups.is_of_test(
                    Path("/b/vdev/os/unity/os-test.cpp"), f"{target}/u.o"), wanted)

    def test_a_tree_without_unity_files_is_refused(self) -> None:
        self.compiled(Path("/r/vdev/os/text.cpp"), "vdev/text.o")
        with self.assertRaisesRegex(Failed, "is it a unity build"):
            tidy_groups.of_tree(self.folder)


class GroupsTest(Folder):
    def setUp(self) -> None:
        super().setUp()
        self.runs: list[set[str]] = []
        self.enterContext(mock.patch.object(tidy_groups, "LOGS", self.folder))
        self.enterContext(mock.patch.object(tidy_groups, "command", self.tidy))

    def tidy(self, log: str, *argv: str | Path, **_: Any) -> str:
        """clang-tidy, for which a and b have a name in common, and which finds something in bad."""
        text = Path(argv[-1]).read_text()
        names = {name for name in ("a", "b", "c", "bad") if f"/{name}.cpp" in text}
        self.runs.append(names)
        if {"a", "b"} <= names:
            said = "b.cpp:1:1: error: redefinition of 'x' [clang-diagnostic-error]"
        elif "bad" in names:
            said = "bad.cpp:1:1: error: use after move [bugprone-use-after-move]"
        else:
            return ""
        self.write(f"{log}.log", said)
        raise Failed(said)

    def examine(self, *names: str) -> Sequence[str]:
        return tidy_groups.examine(self.folder, "base",
                                   [self.write(f"{name}.cpp") for name in names], [], [])

    def test_what_only_the_long_run_looks_for_is_what_the_settings_name(self) -> None:
        settings = re.findall(r"^  ([\w-]+),?$", (ROOT / ".clang-tidy").read_text(), re.MULTILINE)
        self.assertLess(set(tidy_groups.SLOW), set(settings))

    def test_what_does_not_compile_together_is_examined_apart(self) -> None:
        self.assertEqual(self.examine("a", "b", "c"), [])
        self.assertEqual(self.runs, [{"a", "b", "c"}, {"a"}, {"b", "c"}])

    def test_what_it_finds_is_returned(self) -> None:
        [found] = self.examine("a", "bad")
        self.assertIn("use after move", found)
        self.assertEqual(len(self.runs), 1)
        self.assertEqual(len(self.examine("a", "b", "bad")), 1)

    def test_a_source_that_does_not_compile_is_reported(self) -> None:
        with mock.patch.object(tidy_groups, "joined", return_value="/a.cpp /b.cpp"):
            [found] = self.examine("a")
        self.assertIn("redefinition", found)

    def test_every_source_is_in_one_group(self) -> None:
        paths = [Path("/r") / name for name in (
            "vdev/os/a.cpp", "vdev/transport/vhost_user/server/a.cpp",
            "vdev/transport/vhost_user/client/a.cpp", "host/bench/a.cpp", "host/a.cpp", "x.cpp")]
        groups = dict(tidy_groups.grouped(paths))
        self.assertEqual(sorted(path for group in groups.values() for path in group), sorted(paths))
        self.assertEqual(groups["others"], [Path("/r/x.cpp")])
        self.assertEqual(groups["host"], [Path("/r/host/a.cpp")])

    def test_programs_in_a_group_have_entries_of_their_own(self) -> None:
        text = tidy_groups.joined([self.write("a.cpp", "int main() {}\n"), self.write("c.cpp"),
                                   self.write("b.cpp", "int main(int, char**) {}\n")])
        self.assertEqual(len(set(re.findall(r"#define main (main_\d)\n", text))), 2)
        self.assertEqual(text.count("#undef main\n"), 2)

    def test_all_entries_of_a_program_are_its_own(self) -> None:
        text = tidy_groups.joined([self.write(
            "a.cpp", 'extern "C" int LLVMFuzzerInitialize(int*, char***) {\n'
                     'extern "C" int LLVMFuzzerTestOneInput(const char* data) {\n')])
        self.assertEqual(re.findall(r"#(?:define|undef) (\w+)", text),
                         2 * ["LLVMFuzzerInitialize", "LLVMFuzzerTestOneInput"])


if __name__ == "__main__":
    unittest.main()
