# SPDX-License-Identifier: BSD-3-Clause
"""One libFuzzer program: how it is started, what it printed, and what of it goes into the tree."""

import hashlib
import os
import re
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path

from bellwire.commands.fuzz_targets import Target
from bellwire.core import children
from bellwire.core.children import Child
from bellwire.core.places import HarnessError

PER_INPUT = 5  # seconds; an input that takes longer is a finding
GRACE = 60.0  # seconds for the last input, and for what is found to be written
INTERRUPTED = 72  # libFuzzer's status if a signal asked it to end
# The tree's corpora stay small: they are replayed by every run of the tests.
MOST_FILES = 30
MOST_BYTES = 512


@dataclass(frozen=True)
class Outcome:
    executions: int | None  # None: it never came so far as to count them
    per_second: int | None
    edges_at_start: int | None  # with the corpora alone
    edges_at_end: int | None
    new_inputs: int | None
    finding: str = ""  # what is wrong, and the line that repeats it


class Run:
    """It ends after some seconds, or with its first finding. Its working corpus and what it finds
    stay in the build folder, and the next run goes on from them."""

    def __init__(self, target: Target, seconds: int) -> None:
        self.target = target
        self._limit = seconds + GRACE
        corpus, found = target.work / "corpus", target.work / "found"
        for folder in (corpus, found):
            folder.mkdir(parents=True, exist_ok=True)
        log = target.work / "log"
        log.unlink(missing_ok=True)
        self._child = Child([str(word) for word in (
            target.program, f"-max_total_time={seconds}", f"-timeout={PER_INPUT}",
            "-print_final_stats=1", f"-artifact_prefix={found}/", corpus, target.corpus)], log)

    def ended(self, seconds: float) -> bool:
        """Waits so long for its end. One that has not ended in its time is killed."""
        self._limit -= seconds
        if self._limit < 0:
            self._child.kill()
        return self._child.ends_within(seconds)

    def stop(self) -> None:
        self._child.stop(grace=5.0)

    def outcome(self) -> Outcome:
        status = self._child.status
        assert status is not None
        return outcome_of(self.target, self._child.log, status)


def outcome_of(target: Target, log: Path, status: int) -> Outcome:
    said = log.read_text(errors="replace")
    edges = [int(count) for count in re.findall(r"^#\d+\t.*? cov: (\d+) ", said, re.MULTILINE)]

    def final(name: str) -> int | None:
        return number_in(rf"stat::{name}: +(\d+)", said)

    return Outcome(final("number_of_executed_units"), final("average_exec_per_sec"),
                   number_in(r"\tINITED cov: (\d+) ", said), edges[-1] if edges else None,
                   final("new_units_added"), finding_in(target, said, log, status))


def number_in(pattern: str, said: str) -> int | None:
    found = re.search(pattern, said)
    return int(found[1]) if found else None


def finding_in(target: Target, said: str, log: Path, status: int) -> str:
    """"" for none."""
    if status in (0, INTERRUPTED):
        return ""
    summary = re.search(r"^SUMMARY: (.+)$", said, re.MULTILINE)
    what = summary[1] if summary else f"{target.target} {children.describe(status)}"
    artifact = re.search(r"Test unit written to (.+)", said)
    if not artifact:
        return f"{what}\n  its log: {log}"
    return f"{what}\n  again: {shlex.join([str(target.program), artifact[1]])}\n  its log: {log}"


def merge(target: Target) -> tuple[int, int]:
    """Copies inputs of the working corpus that reach edges which the tree's corpus does not. Returns
    how many, and how many more there are for which it has no room."""
    small, reached = (target.work / name for name in ("small", "reached"))
    for folder in (small, reached):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    for path in sorted((target.work / "corpus").glob("*")):
        if path.stat().st_size <= MOST_BYTES:
            os.link(path, small / path.name)
    have = sorted(path.name for path in target.corpus.iterdir())
    for name in have:
        shutil.copyfile(target.corpus / name, reached / name)
    _merge(target, reached, small)
    new = sorted((path for path in reached.iterdir() if path.name not in have),
                 key=lambda path: (-path.stat().st_size, path.name))  # the largest reach the most
    taken = new[:max(MOST_FILES - len(have), 0)]
    for path in taken:
        shutil.copyfile(path, target.corpus / _name(path))
    return len(taken), len(new) - len(taken)


def _merge(target: Target, into: Path, of: Path) -> None:
    """By edges alone. Inputs that differ only in how often an edge is passed are not kept."""
    log = target.work / "merge.log"
    done = children.run(target.program, "-set_cover_merge=1", "-use_counters=0",
                        f"-timeout={PER_INPUT}", into, of, log=log)
    if done.returncode != 0:
        raise HarnessError(f"{target.target} can't merge: it {children.describe(done.returncode)}; "
                           f"its log: {log}")


def _name(path: Path) -> str:
    return f"fuzzed-{hashlib.sha1(path.read_bytes(), usedforsecurity=False).hexdigest()[:8]}"
