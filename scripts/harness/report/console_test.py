# SPDX-License-Identifier: BSD-3-Clause
import tempfile
import unittest
from pathlib import Path

from harness.report import console

LOG = """\
[    1.000000] bellwire: loading out-of-tree module taints kernel.
[    2.000000] ------------[ cut here ]------------
[    2.000001] WARNING: CPU: 0 PID: 77 at queue.c:12 claim+0x1/0x2 [bellwire]
[    3.000000][  T1] BUG: kernel NULL pointer dereference, address: 0000000000000000
[    3.100000] Kernel panic - not syncing: Fatal exception
"""


class ConsoleTest(unittest.TestCase):
    def setUp(self) -> None:
        self.log = Path(self.enterContext(tempfile.TemporaryDirectory())) / "console.log"

    def test_complaints(self) -> None:
        self.log.write_text(LOG)
        self.assertEqual(console.complaints(self.log), [
            "WARNING: CPU: 0 PID: 77 at queue.c:12 claim+0x1/0x2 [bellwire]",
            "BUG: kernel NULL pointer dereference, address: 0000000000000000",
        ])

    def test_panic(self) -> None:
        self.log.write_text(LOG)
        self.assertEqual(console.panic(self.log), "Fatal exception")

    def test_quiet_or_missing_log(self) -> None:
        self.assertEqual(console.complaints(self.log), [])
        self.assertIsNone(console.panic(self.log))
