# SPDX-License-Identifier: BSD-3-Clause
"""Uninitialised bytes: valgrind's memcheck runs the test programs of whatever writes to sockets and to
shared memory. A byte that was never given a value would show a guest, or a peer, what this process's
memory held before. Memcheck checks messages by itself. Shared memory is checked when it is unmapped, in
programs of the preset memcheck (vdev/os/memcheck.hpp). There are no suppressions: any report is a failure.
"""

import re
import shutil
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from bellwire.core.places import BUILD
from bellwire.report.results import Case
from . import build
from .step import LOGS, Failed, Step, command

PRESET = "memcheck"
PLANTED = "planted-bytes"
# What memcheck must say of it: a byte in a message, and one in shared memory.
FOUND = ("Syscall param sendmsg(msg.msg_iov[0]) points to uninitialised byte(s)",
         "Uninitialised byte(s) found during client check request")
PROGRAMS = ("os", "ring", "runner", "in-process", "ivshmem", "card", "virtio", "devices", "vfio-user",
            "vhost-user-protocol", "vhost-user-server", "vhost-user-client", "testing", "replay")
# Tests that can't run there, by the program, each with its reason; "*" stands for the rest of a name.
LIMITED = "valgrind keeps the limit of descriptors by itself, but not of received ones"
TAKEN_AWAY = "valgrind gives SIGSEGV in the place of SIGBUS, again and again"
LEFT_OUT: Mapping[str, Mapping[str, str]] = {
    "os": dict.fromkeys(("memory that is taken away*", "a loss is one peer's*",
                         "a mapping that begins and ends inside*", "a mapping that was moved*",
                         "all threads that use lost memory*", "huge pages are guarded*",
                         "any other SIGBUS*", "guarded memory that is taken away*",
                         "a guard that was dropped*"), TAKEN_AWAY) |
    dict.fromkeys(("a descriptor for which there is no room*", "connections wait while this process*"),
                  LIMITED),
    "replay": {"what is whole of a virtio device's journal*": "each cut maps 4 GiB, which takes seconds"},
    "vfio-user": {"as many regions as there may be*": "more mappings than valgrind can have",
                  "what is not a file that can be mapped*": "valgrind opens /proc/self/exe itself, without O_PATH"},
}
LIMIT = 1500.0  # seconds for a program: it takes 20 to 50 times what it takes alone
VALGRIND = ("valgrind", "--tool=memcheck", "--fair-sched=yes", "--track-origins=yes", "--num-callers=30",
            "--trace-children=no")
SUMMARY = re.compile(r"ERROR SUMMARY: (\d+) errors? from")


def program(target: str) -> Path:
    found = [path for path in (BUILD / PRESET).rglob(target) if path.is_file()]
    if len(found) != 1:
        raise Failed(f"{len(found)} programs of the preset {PRESET} are called {target}")
    return found[0]


def run(target: str, *words: str) -> dict[Path, str]:
    """What memcheck said of each process of the program."""
    logs = LOGS / f"memcheck-{target}"
    shutil.rmtree(logs, ignore_errors=True)
    logs.mkdir(parents=True)
    command(f"memcheck-{target}", *VALGRIND, f"--log-file={logs}/%p", program(target), *words, limit=LIMIT)
    return {path: path.read_text(errors="replace") for path in sorted(logs.iterdir())}


def reported(said: Mapping[Path, str]) -> list[str]:
    """The logs with a report in them."""
    if not any(SUMMARY.search(text) for text in said.values()):
        raise Failed(f"memcheck has summed up none of {len(said)} logs")
    return [f"{path}:\n{text}" for path, text in said.items()
            if any(int(count) for count in SUMMARY.findall(text))]


def check(name: str) -> list[Case]:
    target = f"{name}-test"
    build.build(PRESET, target)
    excluded = LEFT_OUT.get(name, {})
    words = [f"--test-case-exclude={','.join(excluded)}"] if excluded else []
    cases = [Case(f"{target} under memcheck", "fail", text) for text in reported(run(target, *words))]
    return [*(cases or [Case(f"{target} under memcheck")]),
            *(Case(test, "skip", reason) for test, reason in excluded.items())]


def check_planted() -> list[Case]:
    """Memcheck finds what is there."""
    build.build(PRESET, PLANTED)
    said = "\n".join(run(PLANTED).values())
    if missing := [words for words in FOUND if said.count(words) != 1]:
        raise Failed(f"memcheck does not say {missing}:\n{said}")
    return [Case("planted bytes are found")]


STEPS = (Step("memcheck: planted bytes", check_planted, limit=build.LIMIT),
         *(Step(f"memcheck: {name}", partial(check, name), limit=build.LIMIT + LIMIT) for name in PROGRAMS))
