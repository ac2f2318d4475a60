# SPDX-License-Identifier: BSD-3-Clause
"""What the live page costs: the CPU time of its server and of its browser, with ten devices at full
rate. It is measured as time of the processes, so that other load changes little."""

import os
import subprocess
import tempfile
import time
from argparse import Namespace
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bellwire.bench.suite import print_ratios, print_table
from bellwire.core import host
from bellwire.core.places import PROGRAM, HarnessError
from bellwire.image import build
from bellwire.report.figures import Column, summarize
from bellwire.report import browser

DEVICES = 10
ROUNDS = 3
SECONDS = 5.0  # of a round
SETTLED = 3.0   # seconds before the first: the page is loaded
LIMIT = 10.0    # percent of a CPU, for the server and the page
WHERE = "in-process:rings=3000000"  # one at a time, for longer than the rounds take
COLUMNS = {"server": "server, % of a CPU", "page": "page's renderer", "browser": "the browser's others"}
AT_WORK = "[...live.samples.values()].filter(all => all.at(-1).rates.requests > 0).length"
SEEN = "[...live.samples.values()].reduce((sum, all) => sum + all.length, 0)"
INTERVAL = 0.1  # seconds between samples, as it is without --interval
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class CpuTimes:
    """Seconds of the CPU so far, by what they were spent for."""

    server: float
    page: float
    browser: float

    @classmethod
    def now(cls, server: int, session: int) -> "CpuTimes":
        page, others = 0.0, 0.0
        for pid in _session(session):
            if b"--type=renderer" in _read(pid, "cmdline"):
                page += _seconds(pid)
            else:
                others += _seconds(pid)
        return cls(_seconds(server), page, others)

    def since(self, before: "CpuTimes", seconds: float) -> dict[str, float]:
        """Percent of a CPU."""
        return {name: 100 * (getattr(self, name) - getattr(before, name)) / seconds
                for name in COLUMNS}


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:  # it has just ended
        return b""


def _fields(pid: int) -> list[bytes]:
    """Of its stat, from the state on; its name may contain anything."""
    return _read(pid, "stat").rpartition(b")")[2].split()


def _session(session: int) -> Iterator[int]:
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        if (fields := _fields(pid)) and int(fields[3]) == session:
            yield pid


def _seconds(pid: int) -> float:
    fields = _fields(pid)
    return (int(fields[11]) + int(fields[12])) / _TICKS if fields else 0.0


@contextmanager
def _process(*words: str | Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen([PROGRAM, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def _serve(stack: ExitStack, folder: Path) -> tuple[subprocess.Popen[str], str]:
    """The devices, and the server of their page: it and its address."""
    sockets = [folder / f"{number}.sock" for number in range(DEVICES)]
    for socket in sockets:
        stack.enter_context(_process("device", "echo", "--on", WHERE, "--control", socket))
    last = time.monotonic() + 60
    while not all(socket.exists() for socket in sockets):
        if time.monotonic() > last:
            raise HarnessError(f"a device serves no control socket in {folder}")
        time.sleep(0.05)
    server = stack.enter_context(_process("live", *sockets))
    assert server.stdout
    if not (line := server.stdout.readline()):
        raise HarnessError("bellwire live has ended, as reported above")
    return server, line.split()[0]


def measure(rounds: int) -> list[dict[str, float]]:
    """The shares of each round."""
    found = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bellwire-bench-")))
        server, url = _serve(stack, folder)
        page = stack.enter_context(browser.Browser(url, width=1920, height=1080))
        page.until(f"{AT_WORK} === {DEVICES}")
        time.sleep(SETTLED)
        for _ in range(rounds):
            seen = page.value(SEEN)
            began, before = time.monotonic(), CpuTimes.now(server.pid, page.pid)
            time.sleep(SECONDS)
            after = CpuTimes.now(server.pid, page.pid)
            found.append(after.since(before, time.monotonic() - began))
            _check(page.value(SEEN) - seen)
        busy = page.value(AT_WORK)
        if busy != DEVICES:
            raise HarnessError(f"only {busy} of {DEVICES} devices are at work on the page")
    return found


def _check(samples: int) -> None:
    """Raises if the page got fewer than half of a round's samples: who gets no CPU takes none."""
    wanted = round(DEVICES * SECONDS / INTERVAL)
    if samples < wanted / 2:
        raise HarnessError(f"the page got {samples} of {wanted} samples in {SECONDS:g} s: this machine "
                           "is too busy; measure again when it is calm")


def missing() -> str:
    return browser.MISSING


def run(name: str, options: Namespace) -> dict[str, Any]:
    if reason := missing():
        raise HarnessError(reason)
    build.programs(PROGRAM.name)
    rounds = options.rounds or ROUNDS
    found = measure(rounds)
    both = summarize([each["server"] + each["page"] for each in found])
    row: dict[str, Any] = {"name": f"{DEVICES} devices at full rate, in-process"}
    row |= {key: summarize([each[key] for each in found]).p50 for key in COLUMNS}
    ratio = {"name": f"server and page, % of a CPU, {DEVICES} devices", "value": both.p50,
             "spread": [both.p25, both.p75], "limit": LIMIT, "ok": both.p50 <= LIMIT}
    result = {"suite": name, "machine": {"accelerator": "no VM", **host.facts()}, "rounds": rounds,
              "columns": COLUMNS, "rows": [row],
              "ratios": [ratio]}
    print_table([Column(heading, 10) for heading in COLUMNS.values()],
                [[row["name"], *(row[key] for key in COLUMNS)]])
    print_ratios([ratio])
    return result
