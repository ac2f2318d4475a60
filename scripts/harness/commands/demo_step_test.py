# SPDX-License-Identifier: BSD-3-Clause
"""demo --step: its options, and its keys."""

import argparse
import contextlib
import io
import os
import pty
import termios
import unittest

from bellwire.commands import demo, demo_step


class SecondsTest(unittest.TestCase):
    def test_a_time_has_a_unit_or_is_seconds(self) -> None:
        for word, value in (("1s", 1.0), ("500ms", 0.5), ("2", 2.0), ("0.25s", 0.25)):
            self.assertEqual(demo_step.seconds(word), value)

    def test_what_is_no_time_is_refused(self) -> None:
        for word in ("0", "9ms", "3601s", "-1s", "", "s", "1m", "nan", "1.2.3"):
            with self.subTest(word), self.assertRaisesRegex(argparse.ArgumentTypeError,
                                                            "choose a time from 10ms to 3600s"):
                demo_step.seconds(word)


class OptionsTest(unittest.TestCase):
    def test_what_makes_no_sense_is_one_line(self) -> None:
        for words, reason in (
                (["--step", "--every", "0"], "'0': choose a time"),
                (["--every", "1s"], "--every is for --step"),
                (["--step", "--count", "5"], "takes no --count"),
                (["--step", "--fault", "drop doorbell 1"], "takes no --fault"),
                (["--step", "--transport", "vhost-user"], "has no rings of ours")):
            with self.subTest(words):
                stderr = io.StringIO()
                with contextlib.redirect_stderr(stderr), self.assertRaises(SystemExit) as ended:
                    demo.main(words)
                self.assertEqual(ended.exception.code, 2)
                self.assertIn(reason, stderr.getvalue())
                self.assertEqual(stderr.getvalue().count("\n"), 1)


class KeysTest(unittest.TestCase):
    def signs(self, keys: demo_step.Keys, count: int) -> list[str]:
        with keys:
            return [keys.wait(lambda: None) for _ in range(count)]

    def with_input(self, descriptor: int) -> None:
        kept = os.dup(0)
        self.addCleanup(os.close, kept)
        self.addCleanup(os.dup2, kept, 0)
        os.dup2(descriptor, 0)

    def test_without_a_terminal_each_line_is_a_key_and_the_end_means_run(self) -> None:
        reads, writes = os.pipe()
        self.addCleanup(os.close, reads)
        os.write(writes, b"\nanything\nq\n")
        os.close(writes)
        self.with_input(reads)
        self.assertEqual(self.signs(demo_step.Keys(None), 4), ["next", "next", "run", "run"])

    def test_on_a_terminal_each_key_is_one_and_the_terminal_is_put_back(self) -> None:
        master, slave = pty.openpty()
        self.addCleanup(os.close, master)
        self.addCleanup(os.close, slave)
        self.with_input(slave)
        before = termios.tcgetattr(slave)
        keys = demo_step.Keys(None)
        with keys:
            os.write(master, b" q")
            self.assertEqual([keys.wait(lambda: None) for _ in range(2)], ["next", "run"])
            self.assertFalse(termios.tcgetattr(slave)[3] & termios.ECHO)
        self.assertEqual(termios.tcgetattr(slave), before)

    def test_by_time_nothing_is_read(self) -> None:
        self.assertEqual(self.signs(demo_step.Keys(0.01), 2), ["next", "next"])
