# SPDX-License-Identifier: BSD-3-Clause
"""Simulates one seed after the other, and keeps those that fail.

Each is a run of `bellwire simulate` (docs/simulate.md). What fails is printed, and its words are
written to a file, a line each, which host/simulate/seeds.txt can take over: the tests run those
that it has. A run that takes longer than a minute fails as well.

Exit status: 0 all was right; 1 a seed failed; 2 wrong usage.
"""

import json
import os
import shlex
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from bellwire.commands import command_line
from bellwire.core.places import BUILD, PROGRAM

LIMIT = 60.0  # seconds for one seed
SUMS = ("answered", "generations", "starts", "resets", "killed_guests", "freezes",
        "recovered_doorbells", "recovered_interrupts")
AT_SWITCHBOARD = ("starts", "joined", "strangers")


@dataclass(frozen=True)
class Done:
    words: str  # that run it again
    why: str | None  # it failed
    counts: dict[str, int]
    simulated: float  # seconds


def main(argv: Sequence[str]) -> int:
    command_line.exit_on_signals()
    parser = command_line.parser("simulate", __doc__)
    parser.add_argument("--minutes", type=float, default=1.0, metavar="N",
                        help="how long (default: 1)")
    parser.add_argument("--seed", type=int, default=None, metavar="N",
                        help="the first (default: by the clock)")
    parser.add_argument("--requests", type=int, default=20_000, metavar="N",
                        help="of each seed (default: 20000)")
    parser.add_argument("--failed", type=Path, default=BUILD / "simulate-failed.txt", metavar="FILE",
                        help="where the words of those that fail go (default: "
                             "build/simulate-failed.txt)")
    options = parser.parse_args(argv)
    if not 0.01 <= options.minutes <= 10_000:
        parser.error(f"--minutes {options.minutes:g}: choose 0.01 to 10000")
    command_line.check_number(parser, options, "seed", 0, 2**63 - 1)
    command_line.check_number(parser, options, "requests", 1, 1_000_000_000)
    command_line.check_folders(parser, options, "failed")
    first = options.seed if options.seed is not None else time.time_ns() // 1000
    return Campaign(options.failed).run(first, options.requests, options.minutes * 60)


class Campaign:
    def __init__(self, failed: Path) -> None:
        self._failed = failed
        self._sums: Counter[str] = Counter()
        self._simulated = 0.0
        self._seeds = self._failures = 0

    def run(self, first: int, requests: int, seconds: float) -> int:
        began = time.monotonic()
        print(f"from seed {first} on, {requests:,} requests each, on {cpus()} CPUs", flush=True)
        for done in in_turn((f"--seed {seed} --requests {requests}" for seed in count(first)),
                            began + seconds):
            self._take(done)
        self._report(time.monotonic() - began)
        return 1 if self._failures else 0

    def _take(self, done: Done) -> None:
        self._seeds += 1
        self._sums.update(done.counts)
        self._simulated += done.simulated
        if done.why is None:
            return
        self._failures += 1
        print(f"✗ {done.words}\n    {done.why}", flush=True)
        with self._failed.open("a") as file:
            file.write(f"{done.words}  # {done.why}\n")

    def _report(self, took: float) -> None:
        sums = self._sums
        print(f"{self._seeds:,} seeds, {self._failures} failed; {sums['answered']:,} requests in "
              f"{sums['generations']:,} generations, {sums['starts']:,} starts of devices,\n"
              f"{sums['resets'] + sums['killed_guests']:,} resets of guests, "
              f"{sums['freezes']:,} freezes; recovered: "
              f"{sums['recovered_doorbells']:,} doorbells, {sums['recovered_interrupts']:,} "
              f"interrupts\n"
              f"{sums['switchboard starts']:,} starts of switchboards, at which devices and guests "
              f"joined {sums['switchboard joined']:,} times,\n"
              f"and strangers came {sums['switchboard strangers']:,} times\n"
              f"{self._simulated:,.0f} s of the simulation's clock took {took:,.0f} s")
        if self._failures:
            print(f"what failed is in {self._failed}")


def in_turn(all_words: Iterator[str], end: float) -> Iterator[Done]:
    """The results of as many as can be begun until then, in the order in which they come."""
    under_way: set[Future[Done]] = set()
    with ThreadPoolExecutor(cpus()) as pool:
        while True:
            while len(under_way) < cpus() and time.monotonic() < end:
                under_way.add(pool.submit(simulated, next(all_words)))
            if not under_way:
                return
            done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
            yield from (each.result() for each in done)


def simulated(words: str) -> Done:
    try:
        run = subprocess.run([PROGRAM, "simulate", *shlex.split(words), "--json", "--notes", "0"],
                             capture_output=True, text=True, timeout=LIMIT)
    except subprocess.TimeoutExpired:
        return Done(words, f"takes longer than {LIMIT:.0f} s", {}, 0.0)
    try:
        outcome = json.loads(run.stdout)
    except ValueError:
        last = (run.stderr.splitlines() or ["it said nothing"])[-1]
        return Done(words, f"ended with status {run.returncode}: {last}", {}, 0.0)
    failure, switchboard = outcome["failure"], outcome["switchboard"] or {}
    counts = {name: outcome["counts"][name] for name in SUMS}
    counts |= {f"switchboard {name}": switchboard.get(name, 0) for name in AT_SWITCHBOARD}
    return Done(words, failure and failure["why"], counts, outcome["simulated_seconds"])


def cpus() -> int:
    return len(os.sched_getaffinity(0))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
