# SPDX-License-Identifier: BSD-3-Clause
"""What the compiler and the linker put into the programs against those who would use an overflow
(cmake/settings.cmake)."""

import subprocess
import unittest

from program import BENCH, PROGRAM, REPORTS, Checked


def read(what: str, program: object) -> str:
    return subprocess.run(["readelf", "-W", what, str(program)], capture_output=True, text=True,
                          check=True).stdout


@unittest.skipIf(REPORTS, "sanitizers have their own")
class Hardening(Checked):
    def test_the_programs(self) -> None:
        for program in (PROGRAM, BENCH):
            with self.subTest(program.name):
                self.assertRegex(read("-h", program), r"Type: +DYN .*Position-Independent Executable")
                segments = read("-l", program)
                self.assertIn("GNU_RELRO", segments)
                self.assertRegex(segments, r"GNU_STACK .* RW +0x")
                self.assertNotRegex(segments, r"LOAD .* RWE ")
                self.assertRegex(read("-d", program), r"\bBIND_NOW\b|\bFlags: NOW\b")
                symbols = read("--dyn-syms", program)
                self.assertIn("__stack_chk_fail", symbols)
                self.assertRegex(symbols, r"__\w+_chk\b.*")


if __name__ == "__main__":
    unittest.main()
