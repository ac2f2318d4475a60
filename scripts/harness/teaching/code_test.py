# SPDX-License-Identifier: BSD-3-Clause
"""Students' code, and what the worst of it can do: nothing but lose its points."""

import contextlib
import os
import tempfile
import time
import unittest
from pathlib import Path
from unittest import mock

from bellwire.teaching import code, sandbox
from bellwire.teaching.code import I32, U64s, Code, count_of, eventfd, ring
from bellwire.teaching.grader import NotBuilt, Wrong

ANSWER = """
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <fcntl.h>
int twice(int n) { return 2 * n; }
int fill(unsigned long *values) { values[1] = 7; return 0; }
int crash(void) { return *(volatile int *)8; }
int leave(void) { exit(0); }
int prints(void) { puts("14 of 14 points"); fflush(stdout); exit(0); }
int returns(void) { return 0; }
int forever(void) { for (;;) ; }
int sleepy(int fd) { char c[8]; return read(fd, c, 8); }
int waits(void) { return pause(); }
int forks(void) { for (;;) fork(); }
int stays(void) { if (!fork()) { setsid(); pause(); } return 5; }
int floods(void) { for (;;) puts("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"); }
int writes(void) { char b[65536]; int f, n = 0; memset(b, 1, sizeof b);
  for (int i = 0; i < 1000; i++) { char name[32]; sprintf(name, "/tmp/%d", i);
    f = open(name, O_CREAT | O_WRONLY, 0600); 
    for (int part = 0; part < 4; part++) n += f >= 0 && write(f, b, sizeof b) == sizeof b; }
  return n; }
int kills(void) { kill(-1, SIGKILL); kill(getppid(), SIGKILL); return 1; }
int eats(void) { unsigned long n = 0; while (mmap(0, 1 << 20, 3, 0x22, -1, 0) != MAP_FAILED) n++;
  return n; }
int babbles(void) { for (int fd = 3; fd < 64; fd++) if (write(fd, "{}\\n", 3)) {} return 1; }
int shouts(void) { for (int fd = 3; fd < 64; fd++) for (int i = 0; i < 99999; i++)
  if (write(fd, "xxxxxxxxxxxxxxxx", 16) < 0) break; return 1; }
"""


class CodeTest(unittest.TestCase):
    code: Code

    @classmethod
    def setUpClass(cls) -> None:
        folder = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        work = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        (folder / "a.c").write_text(ANSWER)
        cls.code = code.build(folder, ["a.c"], work)

    def fails(self, function: str, why: str) -> None:
        with self.assertRaisesRegex(Wrong, why):
            self.code.call(function)

    def impatient(self) -> None:
        """The functions that never return are given up soon; until then they take a CPU."""
        for name in ("PATIENCE", "AT_LEAST"):
            self.enterContext(mock.patch.object(code, name, 0.5))

    def test_what_it_returns_and_changes(self) -> None:
        self.assertEqual(self.code.call("twice", I32(21)).value, 42)
        self.assertEqual(self.code.call("fill", U64s(1, 2)).changed, [[1, 7]])

    def test_what_does_not_return(self) -> None:
        self.impatient()
        self.fails("nosuch", r"there is no function nosuch\(\)")
        self.fails("crash", r"crash\(\) did not return: its process was killed by SIGSEGV")
        self.fails("leave", r"leave\(\) did not return: its process ended with 0")
        self.fails("prints", r"prints\(\) did not return: its process ended with 0")
        self.fails("waits", r"waits\(\) had not returned after \S+ s: it sleeps")
        self.fails("forever", r"forever\(\) had not returned after \S+ s: it goes on computing")

    def test_what_writes_without_end(self) -> None:
        self.fails("floods", r"floods\(\) did not return: its process wrote more than 16 MiB")

    def test_whether_it_sleeps(self) -> None:
        with eventfd(flags=os.O_CLOEXEC) as fd:
            with self.code.start("sleepy", I32(fd), passed=[fd]) as call:
                self.assertTrue(call.sleeps())
                ring(fd)
                self.assertEqual(call.result().value, 8)
        self.impatient()
        for function in ("forever", "returns"):
            with self.code.start(function) as call:
                self.assertFalse(call.sleeps())

    def test_what_it_starts_ends_with_it(self) -> None:
        with self.code.start("stays") as call:
            self.assertEqual(call.result().value, 5)
            self.assertTrue(runners(b"stays"))
        self.impatient()
        with self.assertRaises(Wrong):
            self.code.call("forks")
        deadline = time.monotonic() + 10
        while (left := runners(b"stays", b"forks")) and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertEqual(left, set())

    def test_it_reaches_nothing_of_ours(self) -> None:
        if not sandbox.prefix():
            self.skipTest("no namespaces here")
        with eventfd(3) as fd:
            self.code.call("kills")
            self.assertEqual(count_of(fd), 3)

    def test_it_takes_only_so_much(self) -> None:
        self.assertLess(self.code.call("eats").value, sandbox.MEMORY >> 20)
        if sandbox.prefix()[:1] == ("unshare",):
            self.assertLessEqual(self.code.call("writes").value, sandbox.WRITTEN >> 16)
            self.assertFalse(Path("/tmp/999").exists())

    def test_what_it_writes_to_the_graders_descriptors_is_no_answer(self) -> None:
        self.fails("babbles", r"babbles\(\) wrote to a descriptor that isn't its own")
        self.fails("shouts", "wrote to a descriptor|did not return")

    def test_what_is_not_built(self) -> None:
        with tempfile.TemporaryDirectory() as name, tempfile.TemporaryDirectory() as work:
            folder = Path(name)
            for text, why in ((None, r"there is no file a\.c"),
                              ("int f(void) { return x; }", r"it does not compile: a\.c:1:.*'x'"),
                              ("x" * (code.LARGEST + 1), r"a\.c has more than 1 MiB")):
                if text:
                    (folder / "a.c").write_text(text)
                with self.subTest(why), self.assertRaisesRegex(NotBuilt, why.replace("'", "[‘’']")):
                    code.build(folder, ["a.c"], Path(work))


def runners(*functions: bytes) -> set[str]:
    """The processes that run these functions of an answer."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = path.read_bytes().split(b"\0")
            if b"-ISs" in words and not set(functions).isdisjoint(words):
                found.add(path.parent.name)
    return found
