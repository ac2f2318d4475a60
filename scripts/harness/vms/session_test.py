# SPDX-License-Identifier: BSD-3-Clause
"""Sessions whose guest is a shell on this machine."""

import os
import signal
import subprocess
import tempfile
import unittest
from pathlib import Path
from typing import Any, cast
from unittest import mock

from bellwire.core.growing import Growing
from bellwire.core.places import HarnessError
from bellwire.vms.session import SHELL, Session
from bellwire.vms.verdict import DEAD, Verdict
from bellwire.vms.vm import Vm

LIMIT = 60.0


class SessionTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.session = Session(lambda: None)
        self.addCleanup(self.session.close)
        out, err = folder / "stdout", folder / "stderr"
        with out.open("wb") as stdout, err.open("wb") as stderr:
            shell = subprocess.Popen(SHELL, stdin=self.session.peer.fileno(), stdout=stdout,
                                     stderr=stderr, start_new_session=True)
        self.addCleanup(shell.wait)
        self.addCleanup(os.killpg, shell.pid, signal.SIGKILL)
        self.guest: Any = mock.Mock(stdout=Growing(out), stderr=Growing(err),
                                    console=folder / "console", resets=0)
        self.guest.poll.return_value = self.guest.post_mortem = None

    def run_it(self, command: Any, limit: float = LIMIT) -> tuple[int, str, str]:
        done = self.session.run(cast(Vm, self.guest), command, limit)
        return done.status, done.stdout, done.stderr

    def test_each_command_has_its_own_output_and_status(self) -> None:
        self.assertEqual(self.run_it("echo one; echo two >&2; exit 3"), (3, "one\n", "two\n"))
        self.assertEqual(self.run_it("true"), (0, "", ""))

    def test_any_bytes(self) -> None:
        self.assertEqual(self.run_it(["printf", "%s\n\nx'\"$", "no"]), (0, "no\n\nx'\"$", ""))
        long = self.run_it("yes | head -c 3000000; printf end >&2")
        self.assertEqual((len(long[1]), long[2]), (3_000_000, "end"))

    def test_a_command_that_no_shell_understands_harms_no_other(self) -> None:
        status, _, stderr = self.run_it("if (")
        self.assertNotEqual(status, 0)
        self.assertIn("yntax error", stderr)
        self.assertEqual(self.run_it("cat; echo fine"), (0, "fine\n", ""))

    def test_a_time_out_names_the_command(self) -> None:
        with self.assertRaisesRegex(HarnessError, "'cat /dev/zero >/dev/null' still ran after 0.1 s"):
            self.run_it("cat /dev/zero >/dev/null", 0.1)
        self.guest.end_with_stacks.assert_called_once()

    def test_a_guest_that_is_reset(self) -> None:
        def reset() -> None:
            self.guest.resets = 1

        self.session = Session(reset)
        self.addCleanup(self.session.close)
        with self.assertRaisesRegex(HarnessError, "'sleep 9': the guest was reset meanwhile"):
            self.run_it("sleep 9")

    def test_a_guest_that_dies(self) -> None:
        self.guest.poll.return_value = Verdict(DEAD, "the guest panicked: no reason")
        with self.assertRaisesRegex(HarnessError, "'sleep 9': the guest panicked: no reason"):
            self.run_it("sleep 9")
