# SPDX-License-Identifier: BSD-3-Clause
"""The explorer, with the ring of lab 7: what students' code may do to it, and that its memory finds
what it should. What C allows in general is in that lab's predictions, which its solution passes."""

import re
import tempfile
import unittest
from pathlib import Path

from bellwire.teaching import exercise, explore
from bellwire.teaching.explore import Explorer
from bellwire.teaching.grader import Wrong

LAB = exercise.find("shared-ring", exercise.FOLDER)
HEADER = LAB.folder / "skeleton/ring_lab.h"
SCENARIOS = ("in_order", "published_whole", "receiver_wakes")
PROLOGUE = """
#include "ring_lab.h"
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
uint32_t lab_send(struct ring *r, const struct item *i, uint32_t n, int d) { return lab_publish(r, i, n); }
int lab_need_doorbell(uint32_t e, uint32_t n, uint32_t b) { return 0; }
uint32_t lab_receive(struct ring *r, struct item *i, uint32_t n, int d) { return lab_take(r, i, n); }
"""
TAKE = "uint32_t lab_take(struct ring *r, struct item *i, uint32_t n) {"
PUBLISH = "uint32_t lab_publish(struct ring* ring, const struct item* items, uint32_t n) {"
NOTHING = "return 0; }\n"


class ExploreTest(unittest.TestCase):
    program: Path

    @classmethod
    def setUpClass(cls) -> None:
        work = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.program = explore.build_program(HEADER, LAB.folder / "scenarios", work)

    def explorer(self, text: str) -> Explorer:
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        work = Path(self.enterContext(tempfile.TemporaryDirectory()))
        (folder / "ring_lab.c").write_text(text)
        library = explore.build_library(folder, "ring_lab.c", HEADER, work)
        return Explorer(self.program, library, "ring_lab.c", SCENARIOS)

    def fails(self, why: str, take: str, scenario: str = "in_order") -> None:
        explorer = self.explorer(f"{PROLOGUE}{TAKE}{take}}}\n{PUBLISH}{NOTHING}")
        with self.assertRaisesRegex(Wrong, why):
            explorer.expect_right(scenario)

    def test_a_function_is_missing(self) -> None:
        explorer = self.explorer(f"{PROLOGUE}{TAKE}{NOTHING}".replace("lab_publish(r, i, n)", "0"))
        with self.assertRaisesRegex(Wrong, r"there is no function lab_publish\(\)"):
            explorer.expect_right("in_order")

    def test_code_that_needs_what_is_not_there(self) -> None:
        self.fails("the code can't be loaded: undefined symbol: nosuch", "extern int nosuch(); return nosuch();")

    def test_code_that_does_not_return(self) -> None:
        for why, code in (("the sender ends with SIGSEGV", "return *(volatile int *)8;"),
                          ("the sender computes without end", "for (volatile int x = 0;;) x++;"),
                          ("goes on and on, and does not sleep", "while (r->posted + 1) ; return 0;"),
                          ("waits for something that is no doorbell", "pause(); return 0;"),
                          ("its process ended", "exit(0);"),
                          ("its process was killed by signal 9", "raise(SIGKILL); return 0;"),
                          ("the sender sleeps for ever|expected|another doorbell", "doorbell_sleep(7); return 0;")):
            with self.subTest(code):
                self.fails(why, code)

    def test_one_that_ends_does_not_end_the_others(self) -> None:
        explorer = self.explorer(f"{PROLOGUE}{TAKE}exit(0);}}\n{PUBLISH}{NOTHING}")
        with self.assertRaisesRegex(Wrong, "what lab_publish"):
            explorer.expect_right("published_whole")

    def test_what_it_writes_is_no_report(self) -> None:
        text = r'{\"word\": 1, \"scenario\": \"in_order\", \"runs\": 1, \"seen\": false}\n'
        code = f'const char *s = "{text}"; for (int f = 3; f < 64; f++) if (write(f, s, strlen(s))) {{}} '
        self.fails("wrote to a descriptor that isn't its own", code + "return 0;")
        self.fails("expected", 'puts("in_order: all points"); return 1;')

    def test_a_static_variable_is_as_at_the_start_of_each_run(self) -> None:
        calls = "static int calls; if (++calls > 2) abort();\n"
        solution = (LAB.solution / "ring_lab.c").read_text()
        counted = solution.replace(f"{PUBLISH}\n", f"{PUBLISH}\n{calls}")
        self.explorer(counted).expect_right("published_whole")
        with self.assertRaisesRegex(Wrong, "ends with a signal"):
            self.explorer(counted.replace("> 2", "> 1")).expect_right("published_whole")

    def test_default_operations_are_enough(self) -> None:
        solution = (LAB.solution / "ring_lab.c").read_text()
        plain = re.sub(r"_explicit|, memory_order_\w+|.*fence.*", "", solution)
        self.explorer(plain).expect_right(*SCENARIOS)

    def test_a_copy_by_memcpy_is_seen(self) -> None:
        publish = ("memcpy(&ring->entries[ring->posted % ring_size], items, n * sizeof(*items));"
                   "atomic_store_explicit(&ring->posted, ring->posted + n, memory_order_relaxed); return n; }\n")
        explorer = self.explorer(f"{PROLOGUE}{TAKE}{NOTHING}{PUBLISH}{publish}")
        with self.assertRaisesRegex(Wrong, r"(?s)reads entries\[0\], and nothing.*line \d+ +writes entries"):
            explorer.expect_right("published_whole")
