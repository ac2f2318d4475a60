# SPDX-License-Identifier: BSD-3-Clause
import contextlib
import io
import tempfile
import unittest
from collections.abc import Callable
from pathlib import Path
from unittest import mock

from bellwire.commands import simulate
from bellwire.commands.simulate import Done

COUNTS = dict.fromkeys(simulate.SUMS, 1)


def one_that(fails: Callable[[int], bool]) -> Callable[[str], Done]:
    def simulated(words: str) -> Done:
        seed = int(words.split()[1])
        return Done(words, "queue 0: it broke" if fails(seed) else None, COUNTS, 2.5)
    return simulated


class SimulateTest(unittest.TestCase):
    def campaign(self, fails: Callable[[int], bool]) -> tuple[int, str, list[str]]:
        """Its status, what it printed, and the lines of those that failed."""
        with tempfile.TemporaryDirectory() as folder, \
                mock.patch.object(simulate, "simulated", one_that(fails)), \
                contextlib.redirect_stdout(io.StringIO()) as printed:
            file = Path(folder) / "failed"
            status = simulate.Campaign(file).run(first=100, requests=50, seconds=0.2)
            lines = file.read_text().splitlines() if file.exists() else []
        return status, printed.getvalue(), lines

    def test_seeds_that_are_right(self) -> None:
        status, printed, failed = self.campaign(lambda seed: False)
        self.assertEqual((status, failed), (0, []))
        self.assertRegex(printed, r"\n([\d,]+) seeds, 0 failed; \1 requests in \1 generations")

    def test_those_that_fail_are_printed_and_kept(self) -> None:
        status, printed, failed = self.campaign(lambda seed: seed == 102)
        self.assertEqual(status, 1)
        self.assertEqual(failed, ["--seed 102 --requests 50  # queue 0: it broke"])
        self.assertIn("✗ --seed 102 --requests 50\n    queue 0: it broke\n", printed)
        self.assertIn(" seeds, 1 failed", printed)

    def test_a_program_that_breaks_is_a_failure(self) -> None:
        for program, why in (("/bin/false", "ended with status 1: it said nothing"),
                             ("/bin/echo", "ended with status 0: it said nothing")):
            with self.subTest(program), mock.patch.object(simulate, "PROGRAM", Path(program)):
                self.assertEqual(simulate.simulated("--seed 1").why, why)

    def test_one_that_takes_too_long_is_a_failure(self) -> None:
        with mock.patch.object(simulate, "LIMIT", 0.05), tempfile.TemporaryDirectory() as folder:
            program = Path(folder) / "sleeps"
            program.write_text("#!/bin/sh\nexec sleep 10\n")
            program.chmod(0o755)
            with mock.patch.object(simulate, "PROGRAM", program):
                self.assertRegex(str(simulate.simulated("--seed 1").why), "takes longer than")
