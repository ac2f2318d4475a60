# SPDX-License-Identifier: BSD-3-Clause
"""Writes the table of docs/faults.md, of what becomes of each fault, from runs: in one process, and
through a guest over each transport. Needs /dev/kvm."""

import re
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from bellwire.commands import command_line
from bellwire.core.places import PROGRAM, ROOT, HarnessError, replace_file
from bellwire.labs.guest_disk import READS
from bellwire.report import marked
from bellwire.report.marked import row

DOC = ROOT / "docs/faults.md"
MARKS = "faults"  # in the page
ENDLESS = "drop completion 50"  # ends only when its time is over
# Each at depth 1, where a device that takes its time gets each doorbell and sends each interrupt: its
# driver is asleep by then. On a busy machine one may look first; so N is the first number that matters.
PLANS = ("delay doorbell every 4 100us", "delay interrupt every 4 100us",
         "double doorbell every 4", "double interrupt every 4",
         "merge doorbell every 4 100us", "merge interrupt every 4 100us",
         "invent doorbell 100us", "invent interrupt 100us",
         "stall doorbell every 4 1ms", "stall interrupt every 4 1ms", "swap interrupt every 4",
         "drop doorbell N", "drop interrupt N", "crash doorbell 5", "crash interrupt 5",
         "stall completion every 4 1ms", ENDLESS, "double completion 50",
         "misroute completion 50", "corrupt completion 50", "crash completion 50",
         "freeze guest every 100ms 20ms", "reset guest after 30ms")
FIRST, LAST = 20, 80  # N
RINGS = 300
BORNE = "borne"
PATIENCE = 30  # seconds for that in a guest: after ten, its driver says what it waits for
LIMIT = 120.0  # seconds for another command; a process has twice that: bounds, not goals
_HANG = re.compile(r"(?m)\brequest \d+: .* ago, .*: ((?:lost|stuck) \w+)(?:; see .*)?$")
_COUNTS = re.compile(r"\b([1-9]\d*) (lost|wrong|unexpected|corrupted|duplicated)\b")
_AS_IN_PROCESS = {"corrupted": "wrong", "duplicated": "unexpected"}

Ended = subprocess.CompletedProcess[str]


def main(argv: Sequence[str]) -> int:
    command_line.parser("fault-table", __doc__).parse_args(argv)
    replace_file(DOC, marked.replaced(DOC.read_text(), MARKS, table()).encode())
    return 0


def table() -> str:
    columns = [[f"`{plan}`" for plan in PLANS], *(column(name) for name in COLUMNS)]
    return "".join(f"{line}\n" for line in [
        row(["fault", *COLUMNS]), row(["---", *("---" for _ in COLUMNS)]),
        *(row(cells) for cells in zip(*columns))])


def column(name: str, program: Path = PROGRAM) -> list[str]:
    """What becomes of each fault there."""
    return [outcome(plan, partial(COLUMNS[name], program)) for plan in PLANS]


def written(name: str) -> list[str]:
    """That column, as the page has it."""
    lines = [line.strip("| \n").split(" | ")
             for line in marked.between(DOC.read_text(), MARKS).splitlines()]
    place = lines[0].index(name)
    return [cells[place] for cells in lines[2:]]


def outcome(plan: str, run: Callable[[str], Ended]) -> str:
    """What becomes of the fault, in the first run in which it matters."""
    if not plan.endswith(" N"):
        return said(run(plan))
    for number in range(FIRST, LAST):
        ended = run(f"{plan.removesuffix('N')}{number}")
        if ended.returncode == 0 and "\nrecovered: " in ended.stdout:
            return "recovered"
        if ended.returncode and "nothing was dropped" not in ended.stderr:
            return said(ended)
    return BORNE


def said(run: Ended) -> str:
    """The outcome of a run. What is late on a busy machine may be recovered, too, and is borne."""
    if "only boot-vm does that" in run.stderr:
        return "-"
    if run.returncode == 0 and "was started again" in run.stderr:
        return "the next process goes on"
    if run.returncode == 0:
        return "the guest begins again" if "the guest was reset" in run.stderr else BORNE
    if run.returncode == -signal.SIGKILL or "was killed by SIGKILL" in run.stderr:
        return "the process is killed"
    if hang := _HANG.search(run.stdout + run.stderr):
        return f"hangs: {hang[1]}"
    if "is not a head" in run.stderr:  # so Linux says it
        return "refused: a request that was never submitted"
    if "a request of the disk is never returned" in run.stderr:
        return "hangs"
    if "not completed yet: the device is at work on it" in run.stderr:
        return "waits for the device"
    if "a request that was never submitted" in run.stderr:
        return "refused: a request that was never submitted"
    if "the guest found the ring broken" in run.stderr:
        return "refused"
    if counts := _COUNTS.findall(run.stdout + run.stderr):
        found = (f"{number} {_AS_IN_PROCESS.get(what, what)}" for number, what in counts)
        return "found: " + ", ".join(dict.fromkeys(found))  # each of both streams may say it
    raise HarnessError(f"the run ended with {run.returncode}: {run.stderr}")


def _without_a_vm(on: str, program: Path, plan: str) -> Ended:
    return _run(program, "device", "delay", "--on", on, "--fault", plan)


def _in_a_vm(transport: str, options: Sequence[str], _: Path, plan: str) -> Ended:
    seconds = PATIENCE if plan == ENDLESS else LIMIT
    return _boot(transport, plan, seconds, ["--device", "delay", *options],
                 ["bell", "ring", "--device", "delay", "--count", str(_count(plan))])


def _with_a_disk(_: Path, plan: str) -> Ended:
    return _boot("vhost-user", plan, LIMIT, [], ["sh", "-c", f"{READS}\nreads {_count(plan)}"])


def _count(plan: str) -> int:
    return 20 * RINGS if plan.startswith(("freeze", "reset")) else RINGS


def _boot(transport: str, plan: str, seconds: float, options: Sequence[str], command: Sequence[str]
          ) -> Ended:
    return _run(ROOT / "scripts/boot-vm", "--transport", transport, *options, "--timeout", str(seconds),
                "--fault", plan, "--", *command)


def _run(*words: str | Path) -> Ended:
    return subprocess.run(words, capture_output=True, text=True, timeout=2 * LIMIT,
                          stdin=subprocess.DEVNULL)


Run = Callable[[Path, str], Ended]
IN_PROCESS: dict[str, Run] = {
    "in one process": partial(_without_a_vm, f"in-process:rings={RINGS},recover=1"),
    "in one process, not looking": partial(_without_a_vm, f"in-process:rings={RINGS},recover=0")}
ON_KVM: dict[str, Run] = {"small guest on KVM": partial(_without_a_vm, f"kvm:rings={RINGS}")}
IN_A_VM: dict[str, Run] = {"guest over ivshmem": partial(_in_a_vm, "ivshmem", ["--restart"]),
                           "guest over vfio-user": partial(_in_a_vm, "vfio-user", []),
                           "guest over vhost-user": _with_a_disk}
COLUMNS = IN_PROCESS | ON_KVM | IN_A_VM


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
