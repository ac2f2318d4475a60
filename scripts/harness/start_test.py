# SPDX-License-Identifier: BSD-3-Clause
"""What becomes of a program's troubles: harness/enter, start.py, messages.py, stdio.py."""

import os
import shutil
import signal
import subprocess
import tempfile
import unittest
from typing import Any
from pathlib import Path

from bellwire.core import messages
from bellwire.core.places import ROOT

# What the entry script runs, in a copy of the harness; $1 chooses.
MODULE = """
import errno, os, sys
from pathlib import Path
from bellwire.core import messages, places
from bellwire.core.places import HarnessError, write, replace_file

def main(argv):
    what, *rest = argv
    if what == "print":
        print("x" * int(rest[0]))
    elif what == "harness":
        raise HarnessError("no 'thing': get one")
    elif what == "bug":
        {}["key"]
    elif what == "write":
        write(Path(rest[0]), b"x" * 100_000)
    elif what == "signal":
        os.kill(os.getpid(), int(rest[0]))
    elif what == "descriptors":
        opened = os.open("/", os.O_RDONLY)
        assert opened > 2, opened
        assert sys.stdin.read() == "" and not sys.stdin.isatty()
        sys.stderr.write("")
        sys.exit(7)

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
"""
ENTRY = """#!/bin/sh
set -eu
self=$(readlink -f -- "$0")
. "${self%/*}/harness/enter"
enter fake "$@"
"""
NAMES = ("clone", 'a b, "c" $x: é\'%#;', "-x", os.fsdecode(b"\xff\xe9"), "a\nb")


class StartTest(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))

    def clone(self, name: str = "clone") -> Path:
        """A clone that has the one program `fake`; returns what starts it."""
        scripts = self.folder / name / "scripts"
        shutil.copytree(ROOT / "scripts/harness", scripts / "harness",
                        ignore=shutil.ignore_patterns("__pycache__", "*_test.py"))
        (scripts / "harness/fake.py").write_text(MODULE)
        (scripts / "python").mkdir()
        (scripts / "python/bellwire").symlink_to("../harness")
        for script, text in (("fake", ENTRY), ("setup", "#!/bin/sh\n")):
            (scripts / script).write_text(text)
            (scripts / script).chmod(0o755)
        return scripts / "fake"

    def run_it(self, *words: str, entry: Path | None = None, how: str = "",
               **environment: str) -> tuple[int, str, str]:
        """By a shell with those redirections. Its status, stdout and stderr."""
        done = subprocess.run(
            ["sh", "-c", f'exec "$0" "$@" {how}', entry or self.clone(), *words],
            stdin=subprocess.DEVNULL, capture_output=True, env=os.environ | environment)
        return (done.returncode, done.stdout.decode(errors="replace"),
                done.stderr.decode(errors="replace"))

    def test_a_fault_is_one_line_and_125(self) -> None:
        self.assertEqual(self.run_it("harness"), (125, "", "bellwire: no 'thing': get one\n"))

    def test_one_of_ours_keeps_its_traceback(self) -> None:
        entry = self.clone()
        build = entry.parents[1] / "build"
        build.mkdir()
        status, _, said = self.run_it("bug", entry=entry)
        self.assertEqual((status, said.count("\n")), (125, 1), said)
        self.assertIn("KeyError: 'key'", said)
        self.assertIn("KeyError", (build / "traceback.log").read_text())

    def test_what_the_system_refuses(self) -> None:
        entry = self.clone()
        for place, expected in (("/dev/full", "'/dev/full': No space left on device: free some"),
                                ("/proc/none/x", "'/proc/none/x': No such file"),
                                (str(self.folder), "Is a directory")):
            with self.subTest(place):
                status, _, said = self.run_it("write", place, entry=entry)
                self.assertEqual((status, said.count("\n")), (125, 1), said)
                self.assertIn(expected, said)

    def test_stdout_that_takes_nothing(self) -> None:
        entry = self.clone()
        for how in (">/dev/full", ">&-", "<&- >&-"):
            for size in ("1", "100000"):
                with self.subTest(how + size):
                    status, _, said = self.run_it("print", size, entry=entry, how=how)
                    self.assertEqual((status, said.count("\n")), (125, 1), said)
                    self.assertIn("stdout can't be written", said)

    def test_a_reader_that_has_seen_enough(self) -> None:
        read, write = os.pipe()
        os.close(read)
        done = subprocess.run([self.clone(), "print", "100000"], stdout=write, stderr=subprocess.PIPE)
        os.close(write)
        self.assertEqual((done.returncode, done.stderr), (128 + signal.SIGPIPE, b""))

    def test_descriptors_that_are_closed(self) -> None:
        entry = self.clone()
        for how in ("<&-", "2>&-", "<&- >&-", "<&- 2>&-", "<&- >&- 2>&-", ">&- 2>&-"):
            with self.subTest(how):
                self.assertEqual(self.run_it("descriptors", entry=entry, how=how), (7, "", ""))

    def test_a_clone_may_stand_anywhere(self) -> None:
        for name in NAMES:
            with self.subTest(name):
                self.assertEqual(self.run_it("print", "1", entry=self.clone(name)), (0, "x\n", ""))

    def test_it_may_be_called_by_a_link_and_from_anywhere(self) -> None:
        link = self.folder / "link"
        link.symlink_to(self.clone())
        self.assertEqual(self.run_it("print", "1", entry=link, CDPATH="/:.:/tmp"), (0, "x\n", ""))

    def test_python_is_our_own(self) -> None:
        odd: dict[str, Any] = {"PYTHONHOME": "/none", "PYTHONPATH": "/none", "LC_ALL": "C",
                               "PYTHONIOENCODING": "ascii"}
        self.assertEqual(self.run_it("harness", **odd)[0], 125)
        self.assertEqual(self.run_it("print", "1", entry=self.clone("x"), **odd)[0], 0)

    def test_plain_paths(self) -> None:
        entry = self.clone()
        for name in NAMES:
            odd = self.folder / "odd" / name
            odd.mkdir(parents=True, exist_ok=True)
            (odd / "here").touch()
            said = subprocess.run(
                ["sh", "-c", 'self=$0/x; . "$0/harness/enter"; plain "$1"', entry.parent, odd],
                capture_output=True, text=True, check=True).stdout.removesuffix("\n")
            self.assertRegex(said, r"\A[A-Za-z0-9._/+@-]+\Z")
            self.assertTrue(Path(said, "here").exists(), name)


class ReportTest(unittest.TestCase):
    def test_a_line_has_no_control_characters(self) -> None:
        self.assertEqual(messages.plain("a\x1b[31m\nb\x9bc é ▶"), "a\\x1b[31m\\nb\\x9bc é ▶")
        self.assertEqual(messages.plain(os.fsdecode(b"\xe9")), "\\xe9")

    def test_a_program_that_fails(self) -> None:
        with self.assertRaises(subprocess.CalledProcessError) as failed:
            subprocess.run(["sh", "-c", "echo first >&2; echo last >&2; exit 3"],
                           capture_output=True, check=True)
        self.assertEqual(messages.reason(failed.exception), "'sh' failed with status 3: last")

    def test_stderr_that_nobody_reads(self) -> None:
        read, write = os.pipe()
        script = "from bellwire.core import messages\nfor n in range(5): messages.say('x' * 60_000)"
        with subprocess.Popen(["/usr/bin/python3", "-c", script], cwd=ROOT / "scripts/python", stderr=write) as ours:
            self.assertEqual(ours.wait(60), 0)
        os.close(write)
        os.close(read)
