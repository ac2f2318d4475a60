# SPDX-License-Identifier: BSD-3-Clause
import tempfile
import time
import unittest
from pathlib import Path

from bellwire.teaching.sandbox import Confined, prefix

LIMIT = 60.0  # seconds: a bound, not a goal
FULL = "(while :; do sleep 100 & done) 2>/dev/null; echo full; exec sleep 100"


@unittest.skipIf(not prefix(), "this system confines nobody for us")
class SandboxTest(unittest.TestCase):
    def test_one_that_forks_without_end_takes_no_process_from_another(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            log = Path(folder, "log")
            with Confined(["sh", "-c", FULL], log) as bomb:
                last = time.monotonic() + LIMIT
                while "full" not in log.read_text():
                    self.assertLess(time.monotonic(), last)
                    self.assertFalse(bomb.has_ended(), log.read_text())
                    time.sleep(0.01)
                for _ in range(3):
                    with Confined(["sh", "-c", "/bin/true && exit 7"], Path(folder, "other")) as other:
                        self.assertEqual(other.end_status(), 7, Path(folder, "other").read_text())


if __name__ == "__main__":
    unittest.main()
