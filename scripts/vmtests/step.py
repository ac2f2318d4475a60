# SPDX-License-Identifier: BSD-3-Clause
"""Slow motion through a real VM: scripts/demo --step by keys, by time, with q and with Ctrl-C; the
guest's bell alone, beside a device that is not held."""

import codecs
import os
import pty
import re
import select
import signal
import subprocess
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bellwire import Vm
from bellwire.core.places import ROOT

LIMIT = 300.0
HOPS = ["submitted", "kicked", "doorbell", "woken", "taken", "posted", "raised", "signalled", "awake",
        "done"]
GUESTS = [hop for hop in HOPS if hop not in ("woken", "taken", "posted", "raised")]
NEXT = re.compile(r"▶ (\w+)   ◀── comes next")
LINE = re.compile(r"^  line   (\S+):(\d+), (\w+)\(\)\r?$", re.MULTILINE)
WELL = "All is well: one ring, held at"


class Demo:
    """scripts/demo --step on a terminal of its own."""

    def __init__(self, *words: str) -> None:
        self.master, self.slave = pty.openpty()
        self.process = subprocess.Popen(
            [ROOT / "scripts/demo", "--step", *words], stdin=self.slave, stdout=self.slave,
            stderr=self.slave, start_new_session=True, env={**os.environ, "NO_COLOR": "1"})
        self.text = self.all = ""
        self.decode = codecs.getincrementaldecoder("utf-8")().decode  # a read may end in a letter

    def until(self, pattern: str) -> None:
        """Reads until there is that; what was read before is gone."""
        deadline = time.monotonic() + LIMIT
        while not (found := re.search(pattern, self.text)):
            ready, _, _ = select.select([self.master], [], [], max(deadline - time.monotonic(), 0))
            assert ready, f"no '{pattern}' in: {self.all}"
            read = self.decode(os.read(self.master, 65536))
            self.text += read
            self.all += read
        self.text = self.text[found.end():]

    def at(self, hop: str) -> None:
        self.until(f"▶ {hop} [^▶]*Ctrl-C: end")

    def type(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def echoes(self) -> bool:
        return bool(termios.tcgetattr(self.slave)[3] & termios.ECHO)

    def close(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(LIMIT)
        os.close(self.master)
        os.close(self.slave)


def processes_of(folder: str) -> list[str]:
    """Command lines of processes that use that run's folder."""
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().decode(errors="replace")
        except OSError:
            continue
        if folder in line:
            lines.append(line)
    return lines


@pytest.fixture
def demos() -> Iterator[list[Demo]]:
    opened: list[Demo] = []
    yield opened
    for demo in opened:
        demo.close()


def test_a_key_does_each_hop_and_the_screen_says_what_is(demos: list[Demo]) -> None:
    demos.append(demo := Demo())
    for hop in HOPS:
        demo.at(hop)
        demo.type(" ")
    demo.until(f"{WELL} {len(HOPS)} hops")
    assert demo.process.wait(LIMIT) == 0
    assert demo.echoes()
    pages = {NEXT.findall(page)[0]: page for page in demo.all.split("bellwire, in slow motion")[1:]}
    for hop, words in (("kicked", "kick 1 (was 0)"), ("doorbell", "kick 0 (was 1)"),
                       ("woken", "doorbell 1 (was 0)"), ("taken", "doorbell 0 (was 1)"),
                       ("raised", "completed 1 (was 0)"), ("awake", "call 1 (was 0)"),
                       ("done", "call 0 (was 1)")):
        assert words in pages[hop], pages[hop]
    lines = LINE.findall(demo.all)
    assert len(lines) == len(HOPS), demo.all
    for path, number, function in lines:
        line = (ROOT / path).read_text().splitlines()[int(number) - 1]
        assert function in line, f"{path}:{number} is '{line}', and calls no {function}()"


def test_q_lets_it_run_at_either_side(demos: list[Demo]) -> None:
    for stop in ("kicked", "taken"):
        demos.append(demo := Demo())
        for hop in HOPS[:HOPS.index(stop)]:
            demo.at(hop)
            demo.type(" ")
        demo.at(stop)
        demo.type("q")
        demo.until(f"{WELL} {HOPS.index(stop) + 1} hops")
        assert demo.process.wait(LIMIT) == 0


def test_ctrl_c_leaves_nothing(demos: list[Demo]) -> None:
    demos.append(demo := Demo())
    for hop in HOPS[:4]:
        demo.at(hop)
        demo.type(" ")
    demo.at("taken")
    folders = [folder for folder in (ROOT / "build/runs").glob(f"*-{demo.process.pid}")]
    assert folders and processes_of(folders[0].name)
    demo.process.send_signal(signal.SIGINT)
    assert demo.process.wait(LIMIT) == 130
    assert demo.echoes()
    assert not processes_of(folders[0].name)


def test_it_goes_by_itself() -> None:
    run = subprocess.run([ROOT / "scripts/demo", "--step", "--every", "50ms"], capture_output=True,
                         text=True, stdin=subprocess.DEVNULL, timeout=LIMIT, check=False)
    assert run.returncode == 0, run.stderr
    assert NEXT.findall(run.stdout) == HOPS
    assert "\x1b" not in run.stdout and "any key" not in run.stdout


def test_over_vfio_user() -> None:
    run = subprocess.run([ROOT / "scripts/demo", "--step", "--transport", "vfio-user"],
                         input="\n" * len(HOPS), capture_output=True, text=True, timeout=LIMIT,
                         check=False)
    assert run.returncode == 0, run.stderr
    assert NEXT.findall(run.stdout) == HOPS


# Longer than anybody's patience: the device's watchdog and the module's looks leave it alone.
def test_a_device_that_is_not_held_takes_nothing_for_lost(vm: Vm) -> None:
    done = vm.run("(for hop in 1 2 3 4 5 6; do sleep 3; echo; done) | bell ring --step", LIMIT)
    assert done.status == 0, done.stderr
    assert NEXT.findall(done.stdout) == GUESTS
    assert "nothing was lost" in done.stdout
    assert vm.run("bell ring --count 100", LIMIT).status == 0


def test_a_guest_that_goes_leaves_nothing_held(vm: Vm) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        done = vm.run("rm -f /tmp/keys; mkfifo /tmp/keys; exec 3<>/tmp/keys; echo >&3; "
                      "bell ring --step <&3 >/tmp/screen & "
                      "until [ \"$(grep -c 'comes next' /tmp/screen)\" = 2 ]; do sleep 0.1; done; "
                      f"kill -{int(number)} $!; wait $!; echo $?", LIMIT)
        assert done.stdout.strip() == str(128 + number), done.stdout + done.stderr
        assert vm.run("bell ring --count 100", LIMIT).status == 0
    assert vm.run("rmmod bellwire && insmod /lib/modules/bellwire.ko && bell ring --count 100",
                  LIMIT).status == 0


def test_what_makes_no_sense_is_refused(vm: Vm) -> None:
    for words, reason in (("--step --count 5", "--count"),
                          ("--step --every 0", "'0': choose a time from 10ms to 3600s"),
                          ("--every 1s", "--every requires --step")):
        done = vm.run(f"bell ring {words}", LIMIT)
        assert done.status == 2 and reason in done.stderr, done.stderr
        assert done.stderr.count("\n") == 1
