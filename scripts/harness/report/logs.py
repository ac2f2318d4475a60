# SPDX-License-Identifier: BSD-3-Clause
"""What logs say: what a kernel complains about, and which requests hung or had to wait.

A kernel's complaints are in its console log. Hangs are reported by devices and by processes in
the guest; their logs survive a device that was killed or that ran in an emulated host. The
sentence is that of vdev/ring/hang.hpp, in a line of its own, and ends with the cause: a lost hop
or a stuck side is a hang; a side that was paused, gone or reset has lost nothing.
"""

import re
from pathlib import Path

_STAMP = re.compile(r"^\[ *\d+\.\d+\] *(\[[^]]*\] *)?")
_PANIC = re.compile(r"Kernel panic - not syncing: (.*)")
_AT = re.compile(r"RIP: 0010:(\S+(?: \[\w+\])?)")
_COMPLAINT = re.compile(
    r"WARNING: |BUG: |BUG at |Oops: |general protection fault|stack segment:"
    r"|UBSAN: |KASAN: |INFO: task .* blocked|rcu: INFO: .* stall|possible recursive locking"
    r"|possible circular locking|refcount_t: |list_(add|del) corruption|soft lockup")
_REQUEST = re.compile(r"^(?:bellwire: warning: )?"
                      r"((?:\S+: queue \d+|bell): request \d+: .+ \d+\.\d s ago, [^:\n]+: .+)\n",
                      re.MULTILINE)
_TASK = re.compile(r"task:(?P<name>.+?) +state:(?P<state>\S).* ppid:(?P<parent>\d+)")
_FRAME = re.compile(r"([a-zA-Z_]\w*)[\w.]*\+0x[0-9a-f]+/0x[0-9a-f]+")  # "? " before it: a guess
_CPU = re.compile(r"NMI backtrace for cpu (\d+)(?: skipped: idling at (\w+))?")
_RUNS = re.compile(r"CPU: \d+ PID: \d+ Comm: (.+?) (?:Not tainted|Tainted)")
_INJECTED = re.compile(r"^bellwire: warning: faults injected: (.+)$", re.MULTILINE)
_FAULT = re.compile(r"(\d+) by '([^']+)'")  # vdev/faults/tally.hpp
_HANG = re.compile(r": (?:lost|stuck) \w+$")


def complaints(log: Path) -> list[str]:
    """The first line of each warning, bug or oops, in their order."""
    return [line for line in _messages(log) if _COMPLAINT.search(line)]


def panic(log: Path) -> str | None:
    """Why the kernel panicked, if it did, and in which function, if it says so."""
    where = ""
    for line in _messages(log):
        if at := _AT.search(line):
            where = f", in {at[1]}"
        if found := _PANIC.search(line):
            return found[1] + where
    return None


def stacks(log: Path) -> list[str]:
    """What a kernel printed of its tasks when it panicked: a line for each that ran, waited for a
    disk, or belongs to a program, with the functions that it was in, innermost first."""
    found: list[str] = []
    frames: list[str] | None = None  # of the task that is being read, if it is of interest
    for line in _messages(log):
        if task := _TASK.match(line):
            idle = task["state"] == "I" or task["state"] == "S" and task["parent"] in ("0", "2")
            frames = None if idle else [f"{task['name']} ({task['state']}):"]
        elif frames and line == "</TASK>":
            found.append(" ".join(frames))
            frames = None
        elif frames and (frame := _FRAME.match(line)):
            frames.append(frame[1])
    return found


def cpu_stacks(log: Path) -> list[str]:
    """What a kernel printed of its CPUs when it panicked: a line for each, with the functions of the
    kernel that it was in, innermost first."""
    found: dict[str, list[str]] = {}
    cpu = ""
    for line in _messages(log):
        if begins := _CPU.match(line):
            cpu, idle = begins[1], begins[2]
            found[cpu] = [f"{cpu}: idle in {idle}" if idle else f"{cpu}:"]
            cpu = "" if idle else cpu
        elif cpu and line == "</TASK>":
            cpu = ""
        elif cpu:
            _add_of_cpu(found[cpu], line)
    return [" ".join(words) for words in found.values()]


def _add_of_cpu(words: list[str], line: str) -> None:
    """The functions of the NMI itself, which come first, are dropped at its end."""
    if runs := _RUNS.match(line):
        words.append(f"{runs[1]}, in")
    elif line.startswith(("asm_exc_nmi+", "end_repeat_nmi+")):
        del words[2:]
    elif line.startswith("RIP: 0033:"):
        words.append("its program")
    elif frame := _FRAME.match(line.removeprefix("RIP: 0010:")):
        words.append(frame[1])


def hangs(log: Path) -> list[str]:
    """A line for each request that hung, beginning with the side that reports it."""
    return [line for line in _requests(log) if _HANG.search(line)]


def interruptions(log: Path) -> list[str]:
    """A line for each request that waited for a side that was paused, gone or reset."""
    return [line for line in _requests(log) if not _HANG.search(line)]


def faults(log: Path) -> dict[str, int]:
    """How often each rule of a plan of faults was carried out, by all processes that have ended in
    order, or that it crashed. One that was killed by others does not say."""
    found: dict[str, int] = {}
    for line in _INJECTED.findall(_text(log)):
        for times, rule in _FAULT.findall(line):
            found[rule] = found.get(rule, 0) + int(times)
    return found


def last_line(log: Path) -> str:
    """The last line that is not empty; "" if there is none."""
    return next((line.strip() for line in reversed(_text(log).split("\n")) if line.strip()), "")


def last_lines(log: Path, count: int, before: str = "\0") -> list[str]:
    """The last lines that are not empty, in their order; of a log that has the text `before`, those
    up to its line."""
    lines = [line.rstrip() for line in _text(log).split("\n") if line.strip()]
    end = next((number for number, line in enumerate(lines) if before in line), len(lines))
    return lines[max(end - count, 0):end]


def _messages(log: Path) -> list[str]:
    return [_STAMP.sub("", line).strip() for line in _text(log).splitlines()]


def _requests(log: Path) -> list[str]:
    return _REQUEST.findall(_text(log))


def _text(log: Path) -> str:
    try:
        return log.read_text(errors="replace")
    except OSError:
        return ""
