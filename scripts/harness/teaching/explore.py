# SPDX-License-Identifier: BSD-3-Clause
"""Two threads in every order that matters, on a memory in which stores may become visible late: the
student's functions on one side, a lab's scenarios in C on the other (explorer.h)."""

import json
import os
import re
import secrets
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from bellwire.core import children
from bellwire.core.places import Missing
from bellwire.teaching.code import compile_c, copy_source
from bellwire.teaching.grader import Wrong
from bellwire.teaching.sandbox import Confined

HERE = Path(__file__).parent
MOST = 1 << 20  # bytes of its report
TOLD = 16  # steps of a story, at most
LIMIT = 10.0  # seconds for addr2line
ORDERS = ("relaxed", "consume", "acquire", "release", "acq_rel", "seq_cst")  # as the compiler numbers them


@dataclass(frozen=True)
class Explorer:
    program: Path
    answer: Path  # the student's, a shared library
    source: str
    scenarios: Sequence[str]

    def seen(self, scenario: str) -> bool:
        """Whether any run came out as in question. Wrong: a run went wrong; says how."""
        report = self._reports.get(scenario)
        if report is None:
            raise Wrong("the process ended before this was tried")
        if "wrong" in report:
            raise Wrong("\n".join([report["wrong"], *self._story(report["story"])]))
        return bool(report["seen"])

    def expect_right(self, *scenarios: str) -> None:
        """Wrong: a run of one of them went wrong; says how."""
        for scenario in scenarios:
            self.seen(scenario)

    @cached_property
    def _reports(self) -> dict[str, dict[str, Any]]:
        """All are tried at once: a sandbox takes longer to start than to explore."""
        word = secrets.token_bytes(8)
        files = [os.open(path, os.O_RDONLY | os.O_CLOEXEC) for path in (self.program, self.answer)]
        report, theirs = os.pipe2(os.O_CLOEXEC)
        given, ours = os.pipe2(os.O_CLOEXEC)
        program, library = (f"/proc/self/fd/{each}" for each in files)
        with open(report, "rb") as lines:
            try:
                os.write(ours, word)
                process = Confined([program, library, str(theirs), str(given), *self.scenarios],
                                   self.answer.with_name("explored.log"), [theirs, given, *files])
            finally:
                for each in (theirs, given, ours, *files):
                    os.close(each)
            with process:
                said = lines.read(MOST)
                end = process.end()
        if not said:
            raise Wrong(f"nothing was tried: the process {end}")
        return _checked(said, int.from_bytes(word, "little") >> 1)

    def _story(self, steps: Sequence[dict[str, Any]]) -> list[str]:
        told = steps[-TOLD:]
        lines = self._lines([int(step["at"]) for step in told])
        who = max((len(step["who"]) for step in told), default=0)
        where = max(map(len, lines), default=0)
        left_out = [f"  … after {len(steps) - len(told)} steps more"] if len(steps) > len(told) else []
        return left_out + [f"  {step['who']:{who}}  {line:{where}}  {_what(step)}".rstrip()
                           for step, line in zip(told, lines)]

    def _lines(self, places: Sequence[int]) -> list[str]:
        """Of the source, for each place after a call; "": it is none."""
        if not shutil.which("addr2line"):
            return [""] * len(places)
        done = children.run("addr2line", "-e", self.answer, *(hex(max(0, at - 1)) for at in places),
                            limit=LIMIT)
        found = [re.search(rf"{re.escape(self.source)}:(\d+)", line) for line in done.stdout.splitlines()]
        return [f"line {line[1]}" if at and line else "" for at, line in zip(places, found)]


def _checked(said: bytes, word: int) -> dict[str, dict[str, Any]]:
    """The reports. All must have the word, which the student's code does not know."""
    try:
        reports = {}
        for line in said.splitlines():
            each: dict[str, Any] = json.loads(line)
            if each["word"] != word or each["scenario"] in reports:
                raise ValueError
            reports[str(each["scenario"])] = each
        return reports
    except (ValueError, KeyError, TypeError):
        raise Wrong("it wrote to a descriptor that isn't its own, or started processes") from None


def _what(step: dict[str, Any]) -> str:
    order = f" ({ORDERS[step['order']]})" if 0 <= step["order"] < len(ORDERS) else ""
    value = f": {step['value']}" if step["place"] and order else ""
    old = "" if step["value"] == step["newest"] else f", not yet {step['newest']}, which is stored"
    return " ".join(filter(None, (step["what"], step["place"]))) + order + value + old


def build_program(header: Path, scenarios: Path, work: Path) -> Path:
    """Compiles the explorer with a lab's folder of scenarios. The header is what they share with
    students."""
    if not shutil.which("cc"):
        raise Missing("there is no C compiler: apt install gcc make")
    program = work / "explorer"
    # It takes longer to compile than to run: so two units, and -O0.
    sources = [_unit(sorted(HERE.glob("explorer*.c")), work / "explorer.c"),
               _unit(sorted(scenarios.glob("*.c")), work / "scenarios.c")]
    compile_c(sources, program, "-O0", "-rdynamic", f"-I{HERE}", f"-I{header.parent}")
    return program


def _unit(sources: Sequence[Path], made: Path) -> Path:
    lines = ["#define _GNU_SOURCE", *(f'#include "{path}"' for path in sources)]
    made.write_text("\n".join(lines) + "\n")
    return made


def build_library(folder: Path, source: str, header: Path, work: Path) -> Path:
    """Compiles the student's source. Of the student's files it takes no other, no header either."""
    copy_source(folder / source, work / source)
    shutil.copyfile(header, work / header.name)
    made, library = work / "code.o", work / "code.so"
    compile_c([work / source], made, "-c", "-fPIC", "-fsanitize=thread")
    wrapped = (f"-Wl,--wrap={name}" for name in ("memcpy", "memmove", "memset"))
    compile_c([made], library, "-shared", "-Wl,-z,norelro", *wrapped)
    return library
