# SPDX-License-Identifier: BSD-3-Clause
"""A student's functions in C: built, and called one at a time in a process of their own.

What a call reports could be written by the student's code as well: so give it random numbers, and
look at what it did to descriptors of yours, which only the kernel changes.
"""

import json
import os
import re
import select
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from bellwire.core import children
from bellwire.core.places import Missing
from bellwire.teaching.grader import NotBuilt, Wrong
from bellwire.teaching.sandbox import Confined

RUNNER = Path(__file__).with_name("runner.py")
BUILD_LIMIT = 60.0  # seconds
LARGEST = 1 << 20  # bytes of a source
PATIENCE = 40  # a call gets this many times what its process took to start,
AT_LEAST = 2.0  # seconds, at least
STARTS = 30.0  # seconds for its process to start
QUIET = 0.1  # seconds without a tick of CPU time: it sleeps
REPORT = 1 << 16  # bytes

EFD_SEMAPHORE = 1

_os: Any = os  # mypy's library does not know eventfds

Argument = tuple[str, Any]


def I32(value: int) -> Argument:
    return "i32", value


def U32(value: int) -> Argument:
    return "u32", value


def U64(value: int) -> Argument:
    return "u64", value


def U32s(*values: int) -> Argument:
    """A pointer to these, which the function may change."""
    return "u32*", values


def U64s(*values: int) -> Argument:
    """A pointer to these, which the function may change."""
    return "u64*", values


@dataclass(frozen=True)
class Returned:
    value: int
    after: int = 0  # what the function `then` returned
    changed: list[list[int]] = field(default_factory=list)  # what pointers point to
    fdinfo: dict[str, str] = field(default_factory=dict)  # of the descriptor `value`, if it is one

    @property
    def count(self) -> int | None:
        """Of the eventfd that it returned; None: it is none."""
        return int(self.fdinfo["eventfd-count"], 16) if "eventfd-count" in self.fdinfo else None

    @property
    def flags(self) -> int:
        """Of that descriptor, O_NONBLOCK and O_CLOEXEC among them."""
        return int(self.fdinfo.get("flags", "0"), 8)


class Code:
    def __init__(self, library: Path) -> None:
        self.built = library
        self._calls = 0

    def call(self, function: str, *arguments: Argument, returns: str = "i32",
             passed: Sequence[int] = (), then: str = "") -> Returned:
        """Calls it and returns what it returned. Wrong: it did not. `passed`: descriptors that are
        among its arguments. `then`: a function that is called afterwards, with what it returned."""
        with self.start(function, *arguments, returns=returns, passed=passed, then=then) as call:
            return call.result()

    def start(self, function: str, *arguments: Argument, returns: str = "i32",
              passed: Sequence[int] = (), then: str = "") -> "Call":
        """Begins a call that may take a while, for a with statement."""
        plan = {"arguments": arguments, "returns": returns, "then": then}
        return Call(self.built, self.new_log(), function, plan, passed)

    def new_log(self) -> Path:
        self._calls += 1
        return self.built.with_name(f"call-{self._calls}.log")


class Call:
    def __init__(self, library: Path, log: Path, function: str, plan: Mapping[str, object],
                 passed: Sequence[int]) -> None:
        self._name = function
        self._report, theirs = os.pipe2(os.O_CLOEXEC)
        held, self._hold = os.pipe2(os.O_CLOEXEC)
        opened = [os.open(path, os.O_RDONLY) for path in (RUNNER, library)]
        runner, code = (f"/proc/self/fd/{each}" for each in opened)
        plan = {**plan, "report": theirs, "hold": held}
        self._began = time.monotonic()
        try:
            self._process = Confined(
                ["/usr/bin/python3", "-ISs", runner, code, function, json.dumps(plan)], log,
                [theirs, held, *opened, *passed])
        finally:
            for each in (theirs, held, *opened):
                os.close(each)
        self._said = b""
        try:
            self._started()
        except BaseException:
            self.__exit__()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        os.close(self._report)
        os.close(self._hold)

    def result(self) -> Returned:
        """Waits until it returns. Wrong: it does something else."""
        said = self._line(self._patience)
        try:
            return Returned(int(said["value"]), int(said["after"]), said["changed"], dict(said["fdinfo"]))
        except (KeyError, TypeError, ValueError):
            raise self._stray() from None

    def expect_asleep(self, when: str) -> None:
        """Waits until it waits for something. Wrong: it returns, or goes on computing, instead."""
        if not self.sleeps():
            instead = "returns" if self._readable(0) else "goes on computing"
            raise Wrong(f"{self._name}() {instead}, where it has to sleep: {when}")

    def sleeps(self) -> bool:
        """Likewise, but it says so."""
        deadline = time.monotonic() + self._patience
        since, ticks = time.monotonic(), self._process.cpu_ticks()
        while time.monotonic() < deadline and not self._readable(0.005):
            now, computed = time.monotonic(), self._process.cpu_ticks()
            if computed != ticks or not self._process.is_asleep():
                since, ticks = now, computed
            elif now - since > QUIET:
                return True
        return False

    def _started(self) -> None:
        said = self._line(STARTS)
        if missing := said.get("missing"):
            raise Wrong(str(missing))
        self._patience = max(AT_LEAST, PATIENCE * (time.monotonic() - self._began))

    def _readable(self, limit: float) -> bool:
        return b"\n" in self._said or bool(select.select([self._report], [], [], limit)[0])

    def _line(self, limit: float) -> dict[str, Any]:
        deadline = time.monotonic() + limit
        while b"\n" not in self._said:
            if not self._readable(max(0.0, deadline - time.monotonic())):
                raise Wrong(f"{self._name}() had not returned after {limit:.1f} s: it "
                            f"{'sleeps' if self._process.is_asleep() else 'goes on computing'}")
            data = os.read(self._report, REPORT)
            if not data:
                raise Wrong(f"{self._name}() did not return: its process {self._process.end()}")
            self._said += data
            if len(self._said) > REPORT:
                raise self._stray()
        line, _, self._said = self._said.partition(b"\n")
        try:
            said: dict[str, Any] = json.loads(line)
            return said
        except ValueError:
            raise self._stray() from None

    def _stray(self) -> Wrong:
        return Wrong(f"{self._name}() wrote to a descriptor that isn't its own")


def build(folder: Path, sources: Sequence[str], into: Path) -> Code:
    """Of the student's files only these are read. NotBuilt says why there is no code."""
    if not shutil.which("cc"):
        raise Missing("there is no C compiler: apt install gcc make")
    for name in sources:
        copy_source(folder / name, into / name)
    library = into / "code.so"
    compile_c([into / name for name in sources if name.endswith(".c")], library, "-shared", "-fPIC")
    return Code(library)


def compile_c(sources: Sequence[Path], made: Path, *options: str) -> None:
    done = children.run("prlimit", f"--as={4 << 30}", f"--fsize={64 << 20}", "--core=0", "cc",
                        "-std=gnu17", "-Wall", "-Wextra", "-O1", "-g", *options, "-o", made, *sources,
                        limit=BUILD_LIMIT, cwd=made.parent)
    if done.returncode or not made.exists():
        errors = [line for line in done.stderr.splitlines() if "error" in line]
        raise NotBuilt(f"it does not compile: {(errors or done.stderr.splitlines() or ['?'])[0]}"
                       .replace(f"{made.parent}/", ""))


def copy_source(source: Path, target: Path) -> None:
    """Copies a student's source. NotBuilt: it isn't there, or it's too large."""
    _check(source)
    shutil.copyfile(source, target)


def _check(source: Path) -> None:
    if not source.is_file():
        there = sorted(path.name for path in source.parent.glob(f"*{source.suffix}"))
        raise NotBuilt(f"there is no file {source.name}"
                       f"{f', but ' + ', '.join(there) if there else ''}")
    if source.stat().st_size > LARGEST:
        raise NotBuilt(f"{source.name} has more than {LARGEST >> 20} MiB")


@contextmanager
def eventfd(count: int = 0, flags: int = os.O_CLOEXEC | os.O_NONBLOCK) -> Iterator[int]:
    """The flags are EFD_CLOEXEC, EFD_NONBLOCK and EFD_SEMAPHORE of eventfd(2)."""
    file: int = _os.eventfd(0, flags)
    try:
        if count:
            ring(file, count)
        yield file
    finally:
        os.close(file)


def ring(file: int, count: int = 1) -> None:
    _os.eventfd_write(file, count)


def take(file: int) -> int:
    """BlockingIOError: there is nothing to take."""
    count: int = _os.eventfd_read(file)
    return count


def count_of(file: int) -> int:
    """What an eventfd holds; this takes nothing."""
    text = Path(f"/proc/self/fdinfo/{file}").read_text()
    found = next(line for line in text.splitlines() if line.startswith("eventfd-count:"))
    return int(found.split()[1], 16)


def predictions(path: Path) -> dict[str, str]:
    """What a student expects: lines "name = value"; those with # are comments."""
    _check(path)
    text = path.read_text(errors="replace")
    pairs = re.findall(r"^([^#=\n]+)=(.*)$", text, re.MULTILINE)
    return {name.strip(): value.strip() for name, value in pairs}


def compare(predicted: Mapping[str, str], seen: Mapping[str, str]) -> None:
    wrong = [f"'{name} = {predicted.get(name, '')}'" for name in seen
             if predicted.get(name, "").lower() != seen[name].lower()]
    if wrong:
        raise Wrong(f"{len(wrong)} of {len(seen)} were tried now and came otherwise than your "
                    f"{', '.join(wrong)}")
