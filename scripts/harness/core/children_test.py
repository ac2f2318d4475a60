# SPDX-License-Identifier: BSD-3-Clause
import os
import select
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from bellwire.core import children
from bellwire.core.children import Child

# A parent that starts a child, prints its number, and waits for its own end.
PARENT = """
import sys, time
from pathlib import Path
from bellwire.core.children import Child
print(Child(["sleep", "4321"], Path(sys.argv[1])).pid, flush=True)
time.sleep(4321)
"""
SAYS = ["/bin/sh", "-c", "ulimit -c; grep SigIgn /proc/self/status"]


class BoundTest(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.log = self.folder / "log"

    def test_it_ends_with_a_parent_that_is_killed(self) -> None:
        with subprocess.Popen([sys.executable, "-c", PARENT, self.log], stdout=subprocess.PIPE,
                              text=True, env=os.environ | {"PYTHONPATH": ":".join(sys.path)}) as parent:
            assert parent.stdout
            child = os.pidfd_open(int(parent.stdout.readline()))
            self.addCleanup(os.close, child)
            parent.kill()
        poller = select.poll()
        poller.register(child, select.POLLIN)
        self.assertTrue(poller.poll(60_000))

    def test_one_whose_parent_is_gone_already_does_not_begin(self) -> None:
        line = children.bound(["touch", self.folder / "begun"])
        line[line.index(str(os.getpid()))] = "1"
        self.assertEqual(subprocess.run(line).returncode, 1)
        self.assertFalse((self.folder / "begun").exists())

    def test_it_writes_no_core_and_may_write_to_any_terminal(self) -> None:
        said = children.run(*SAYS).stdout.split()
        self.assertEqual(said[0], "0")
        self.assertTrue(int(said[2], 16) & 1 << signal.SIGTTOU - 1)

    def test_a_program_that_cannot_be_started(self) -> None:
        (self.folder / "plain").touch()
        for program, error in (("no such program", FileNotFoundError),
                               (self.folder / "none", FileNotFoundError),
                               (self.folder / "plain", PermissionError)):
            with self.subTest(program), self.assertRaises(error) as raised:
                Child([str(program)], self.log)
            self.assertEqual(raised.exception.filename, str(program))

    def test_its_status_is_the_programs_own(self) -> None:
        for command, status in (("exit 7", 7), ("kill -ABRT $$", -signal.SIGABRT)):
            self.assertEqual(Child(["/bin/sh", "-c", command], self.log).wait(60), status)
