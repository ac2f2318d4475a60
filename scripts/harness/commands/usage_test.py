# SPDX-License-Identifier: BSD-3-Clause
"""What every script does with a wrong command line, and with --help."""

import subprocess
import unittest

from bellwire.core.places import ROOT
from bellwire.image import kernel

SCRIPTS = sorted(path for path in (ROOT / "scripts").iterdir()
                 if path.is_file() and path.stat().st_mode & 0o100 and path.name != "bellwire")
# More, by the script, with what the error names.
WRONG = (
    ("boot-vm --nosuch", "--nosuch"), ("boot-vm true", "'true'"),
    ("build --preset nosuch", "'nosuch'"), ("build --nosuch", "'--nosuch'"),
    ("test nosuch", "'nosuch'"), ("test --shard 0/2", "'0/2'"), ("test --step nosuch", "'nosuch'"),
    ("demo --transport pigeon", "'pigeon'"), ("demo --count 0", "--count 0"),
    ("demo --trace /no/folder/t", "/no/folder/t"), ("demo more", "more"),
    ("bench nosuch", "nosuch"), ("bench --rounds 0", "--rounds"), ("bench --page /no/f/p", "/no/f/p"),
    ("compare --count x", "'x'"), ("compare --html /no/folder/h", "/no/folder/h"),
    ("kmod", "DIR"), ("kmod /no/folder", "/no/folder"), ("kmod --kernel 2.4 .", "'2.4'"),
    ("new-device", "NAME"), ("new-device My-Timer", "'My-Timer'"), ("new-device int", "'int'"),
    ("new-device my_timer /no/folder/x", "/no/folder"), ("new-device my_timer .", "'.'"),
    ("lab", "COMMAND"), ("lab nosuch", "'nosuch'"), ("lab start", "NAME"),
    ("lab start nosuch", "'nosuch'"), ("lab start 1 .", "'.'"), ("lab grade /no/folder", "/no/folder"),
    ("lab grade --json", "--json"), ("lab export", "--for-students"), ("lab report", "DIR"),
    ("lab report /no/folder", "/no/folder"), ("lab --labs /no/folder list", "/no/folder"),
    ("kernel-headers --kernel 2.4", "'2.4'"), ("kernel-headers more", "more"),
    ("conform-table", "NAME=FILE"), ("conform-table nosuch", "nosuch"),
    ("conform-table x=/no/file", "/no/file"), ("restart-matrix more", "more"), ("fault-table more", "more"),
    ("explore-table more", "more"), ("coverage more", "more"), ("fuzz nosuch", "'nosuch'"), ("fuzz all 0", "SECONDS 0"),
    ("fuzz all 60 more", "more"), ("fuzz --merge all 60", "60"), ("fuzz --jobs 0", "--jobs 0"), ("simulate --minutes 0", "--minutes 0"), ("simulate --failed /no/f/x", "/no/f/x"), ("soak --minutes 0", "--minutes 0"), ("soak --page /no/f/x", "/no/f/x"), ("scenario-pages more", "more"),
    ("matrix", "--kernel 6.1 6.12"), ("matrix --kernel 2.4", "'2.4'"),
    ("matrix --kernel 6.1 --without kernel", "'kernel'"), ("matrix --merge x --out /no/f/x", "/no/f/x"),
    ("matrix --merge x --of /no/file", "/no/file"), ("matrix --kernel 6.1 --of x", "--of x"), ("shape --revision nosuch", "nosuch"), ("qemu-toolbox more", "more"), ("setup more", "'more'"),
)


def run(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([ROOT / "scripts" / words[0], *words[1:]], text=True, timeout=60,
                          stdin=subprocess.DEVNULL, capture_output=True)


class UsageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        kernel.get(kernel.DEFAULT)  # the first to want it says that it is fetched

    def test_an_unknown_option_is_an_error_in_one_line(self) -> None:
        self.assertGreater(len(SCRIPTS), 10)
        for script in SCRIPTS:
            with self.subTest(script.name):
                done = run(script.name, "--nosuch")
                self.assertEqual((done.returncode, done.stdout),
                                 (125 if script.name == "boot-vm" else 2, ""))
                self.assertRegex(done.stderr, r"\A[^\n]+\n\Z")

    def test_wrong_lines_are_named_in_one_line(self) -> None:
        for line, named in WRONG:
            with self.subTest(line):
                done = run(*line.split())
                self.assertIn(done.returncode, (2, 125, 1))
                self.assertEqual(done.stdout, "")
                self.assertRegex(done.stderr, r"\A[^\n]+\n\Z")
                self.assertIn(named, done.stderr)

    def test_help_fits_80_columns_and_does_nothing_else(self) -> None:
        for script in SCRIPTS:
            with self.subTest(script.name):
                done = run(script.name, "--help")
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertIn("usage: ", done.stdout)
                self.assertEqual([line for line in done.stdout.splitlines() if len(line) > 80], [])
