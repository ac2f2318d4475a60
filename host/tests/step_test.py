# SPDX-License-Identifier: BSD-3-Clause
"""`bellwire device --step`: slow motion by keys of a terminal, lines, time and the control socket."""

import codecs
import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
import termios
import time
import unittest
from pathlib import Path
from typing import Any

from program import PROGRAM, ROOT
from programs_test import PATIENCE, USAGE, ProgramCase

HOPS = ["submitted", "doorbell", "woken", "taken", "posted", "raised", "interrupted", "done"]
IN_PROCESS = ("device", "echo", "--on", "in-process", "--step")
NEXT = re.compile(r"▶ (\w+)(?:\x1b\[[0-9;]*m)*   ◀── comes next")
LINE = re.compile(r"^  line   (\S+):(\d+), (\w+)\(\)$", re.MULTILINE)
WELL = "1 requests at depth 1: 1 answered, 0 lost, 0 wrong, 0 unexpected, 0 hung\n"


class Terminal:
    """A program on a terminal of its own."""

    def __init__(self, *arguments: str, colour: bool = True) -> None:
        self.master, slave = pty.openpty()
        environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
        self.process = subprocess.Popen(
            [PROGRAM, *arguments], stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
            env=environment if colour else environment | {"NO_COLOR": "1"},
            preexec_fn=lambda: os.set_blocking(0, True))
        self.slave = slave
        self.text = ""
        self.decode = codecs.getincrementaldecoder("utf-8")().decode  # a read may end in a letter

    def until(self, pattern: str) -> None:
        """Reads until the text has that; what stands before is gone."""
        deadline = time.monotonic() + PATIENCE
        while not (found := re.search(pattern, self.text)):
            ready, _, _ = select.select([self.master], [], [], max(deadline - time.monotonic(), 0))
            if not ready:
                raise AssertionError(f"no '{pattern}' in: {self.text}")
            self.text += self.decode(os.read(self.master, 65536))
        self.text = self.text[found.start():]

    def type(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def echoes(self) -> bool:
        return bool(termios.tcgetattr(self.slave)[3] & termios.ECHO)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.master)
        os.close(self.slave)


class Step(ProgramCase):
    def terminal(self, *arguments: str, colour: bool = True) -> Terminal:
        terminal = Terminal(*arguments, colour=colour)
        self.addCleanup(terminal.close)
        return terminal

    def step(self, lines: str, *more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([PROGRAM, *IN_PROCESS, *more], input=lines, capture_output=True,
                              text=True, timeout=PATIENCE, check=False)

    def test_a_key_of_a_terminal_does_the_next_hop(self) -> None:
        terminal = self.terminal(*IN_PROCESS)
        for hop in HOPS:
            terminal.until(f"▶ {hop}.*comes next[^▶]*any key: the next hop")
            self.assertIn("\x1b[0m", terminal.text)
            terminal.type(" ")
            terminal.text = ""
        terminal.until("1 answered, 0 lost")
        self.assertEqual(terminal.process.wait(PATIENCE), 0)
        self.assertTrue(terminal.echoes())

    def test_q_lets_it_run(self) -> None:
        terminal = self.terminal(*IN_PROCESS, colour=False)
        terminal.until("▶ submitted[^▶]*Ctrl-C: end")
        self.assertNotIn("\x1b[1", terminal.text)
        terminal.type("q")
        terminal.until("1 answered, 0 lost")
        self.assertEqual(terminal.process.wait(PATIENCE), 0)
        self.assertNotIn("▶ doorbell", terminal.text)

    def test_ctrl_c_ends_it_at_any_stop(self) -> None:
        for stops in range(len(HOPS)):
            with self.subTest(HOPS[stops]):
                terminal = self.terminal(*IN_PROCESS)
                for hop in HOPS[:stops]:
                    terminal.until(f"▶ {hop}[^▶]*Ctrl-C: end")
                    terminal.type(" ")
                terminal.until(f"▶ {HOPS[stops]}[^▶]*Ctrl-C: end")
                self.assertFalse(terminal.echoes())
                terminal.process.send_signal(signal.SIGINT)
                self.assertEqual(terminal.process.wait(PATIENCE), 0)
                self.assertTrue(terminal.echoes())

    def test_without_a_terminal_each_line_is_a_key(self) -> None:
        run = self.step("\n" * len(HOPS))
        self.assertEqual((run.returncode, run.stderr), (0, ""))
        self.assertEqual(NEXT.findall(run.stdout), HOPS)
        self.assertNotIn("\x1b", run.stdout)
        self.assertTrue(run.stdout.endswith("\n") and WELL in run.stdout)

    def test_what_is_seen_changes_by_each_hop(self) -> None:
        pages = self.step("\n" * len(HOPS)).stdout.split("bellwire, in slow motion")[1:]
        seen = {NEXT.findall(page)[0]: page for page in pages}
        for hop, words in (("woken", "doorbell 1 (was 0)"), ("taken", "doorbell 0 (was 1)"),
                           ("doorbell", "submitted 1 (was 0)"), ("raised", "completed 1 (was 0)"),
                           ("interrupted", "interrupt 1 (was 0)"), ("done", "interrupt 0 (was 1)")):
            with self.subTest(hop):
                self.assertIn(words, seen[hop])

    def test_the_line_of_each_hop_names_what_does_it(self) -> None:
        run = self.step("\n" * len(HOPS))
        lines = LINE.findall(run.stdout)
        self.assertEqual(len(lines), len(HOPS), run.stdout)
        for (path, number, function), hop in zip(lines, HOPS):
            with self.subTest(hop):
                line = (ROOT / path).read_text().splitlines()[int(number) - 1]
                self.assertIn(f'"{function}"', line)

    def test_every_does_it_without_a_person(self) -> None:
        run = self.step("q\n", "--every", "10ms")
        self.assertEqual((run.returncode, run.stderr), (0, ""))
        self.assertEqual(NEXT.findall(run.stdout), HOPS)
        self.assertNotIn("any key", run.stdout)

    def test_as_many_rings_as_are_wanted(self) -> None:
        run = subprocess.run([PROGRAM, "device", "digest", "--on", "in-process:rings=3", "--step",
                              "--every", "10ms"], capture_output=True, text=True,
                             timeout=PATIENCE, check=False)
        self.assertEqual(NEXT.findall(run.stdout), HOPS * 3, run.stderr)

    def test_what_makes_no_sense_is_refused(self) -> None:
        for words, reason in (
                (("--step", "--every", "0"), "'0': choose a time from 10ms to 3600s"),
                (("--every", "1s"), "--every requires --step"),
                (("--step=fast",), "--step"),
                (("--step", "--poll", "always"), "leave out --poll"),
                (("--step=control",), "needs --control SOCKET"),
                (("--step", "--fault", "drop completion 5"), "holds each completion")):
            with self.subTest(words):
                run = self.run_program("device", "echo", "--on", "in-process", *words)
                self.assertEqual(run.returncode, USAGE, run.stderr)
                self.assertIn(reason, run.stderr)
                self.assertEqual(run.stderr.count("\n"), 1)
        run = self.run_program("device", "delay", "--on", "in-process", "--step")
        self.assertIn("choose one that answers at once", run.stderr)
        run = self.run_program("device", "edu", "--on", f"vfio-user:{self.folder}/s", "--step")
        self.assertIn("has no ring of ours", run.stderr)


class Control(ProgramCase):
    """The control socket of a device in slow motion."""

    def setUp(self) -> None:
        super().setUp()
        path = self.folder / "control"
        self.process = subprocess.Popen(
            [PROGRAM, *IN_PROCESS[:-1], "--step=control", "--control", path],
            stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.process.communicate)
        self.addCleanup(self.process.kill)
        self.stream = self.connect(path)

    def connect(self, path: Path) -> Any:
        deadline = time.monotonic() + PATIENCE
        while True:
            client = socket.socket(socket.AF_UNIX)
            client.settimeout(PATIENCE)
            try:
                client.connect(str(path))
            except OSError:
                client.close()
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
                continue
            self.addCleanup(client.close)
            stream = client.makefile("rwb")
            self.addCleanup(stream.close)
            return stream

    def ask(self, **words: object) -> Any:
        self.stream.write(json.dumps({"do": "step", **words}).encode() + b"\n")
        self.stream.flush()
        return json.loads(self.stream.readline())

    def stop(self) -> Any:
        deadline = time.monotonic() + PATIENCE
        while not (stop := self.ask(act="show")["step"]["stop"]):
            self.assertLess(time.monotonic(), deadline)
        return stop

    def test_it_shows_and_does_each_hop(self) -> None:
        for hop in HOPS:
            stop = self.stop()
            self.assertEqual(stop["next"], hop)
            screen = self.ask(act="draw", values={"kick": 7})["screen"]
            self.assertEqual(NEXT.findall(screen), [hop])
            self.assertIn("kick 7", screen)
            self.assertNotIn("any key", screen)
            self.ask(act="next")
        self.assertIn(WELL, self.process.communicate(timeout=PATIENCE)[0])

    def test_it_draws_the_stop_of_somebody_else(self) -> None:
        self.stop()
        screen = self.ask(act="draw", stop={"next": "kicked", "queue": 2, "file": "a\x1bb.c",
                                            "line": 3, "function": "take"},
                          keys=True, colour=True)["screen"]
        self.assertIn("queue 2", screen)
        self.assertIn("a\\x1bb.c:3, take()", screen)
        self.assertIn("\x1b[1;7m▶ kicked", screen)
        self.assertIn("any key", screen)

    def test_run_lets_all_of_it_happen(self) -> None:
        self.stop()
        self.assertTrue(self.ask(act="run")["step"]["runs"])
        self.assertIn(WELL, self.process.communicate(timeout=PATIENCE)[0])

    def test_nonsense_is_refused(self) -> None:
        self.stop()
        self.assertIn("error", self.ask(act="leap"))

    def test_a_stop_that_there_is_not_is_refused(self) -> None:
        self.stop()
        self.assertIn("error", self.ask(act="draw", stop={"next": "nowhere"}))


if __name__ == "__main__":
    unittest.main()
