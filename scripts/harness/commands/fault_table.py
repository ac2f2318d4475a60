# SPDX-License-Identifier: BSD-3-Clause
"""Writes the table of docs/faults.md, of what becomes of each fault, from runs without a VM."""

import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from bellwire.commands import command_line
from bellwire.core.places import PROGRAM, ROOT, HarnessError, replace_file
from bellwire.report import marked
from bellwire.report.marked import row

DOC = ROOT / "docs/faults.md"
MARKS = "faults"  # in the page
# Each at depth 1, where a device that takes its time gets each doorbell and sends each interrupt: its
# driver is asleep by then. On a busy machine one may look first; so N is the first number that matters.
PLANS = ("delay doorbell every 4 100us", "delay interrupt every 4 100us",
         "double doorbell every 4", "double interrupt every 4",
         "merge doorbell every 4 100us", "merge interrupt every 4 100us",
         "invent doorbell 100us", "invent interrupt 100us",
         "stall doorbell every 4 1ms", "stall interrupt every 4 1ms",
         "drop doorbell N", "drop interrupt N", "crash doorbell 5", "crash interrupt 5",
         "stall completion every 4 1ms", "drop completion 50", "double completion 50",
         "misroute completion 50", "corrupt completion 50", "crash completion 50")
FIRST, LAST = 20, 80  # N
COLUMNS = {"a driver that looks": "recover=1", "a driver that does not": "recover=0"}
BORNE = "borne"
LIMIT = 60.0  # seconds for a run: a bound, not a goal
_HANG = re.compile(r"(?m)^request \d+: .* ago, .*: ((?:lost|stuck) \w+)$")
_COUNTS = re.compile(r"\b([1-9]\d*) (lost|wrong|unexpected)\b")


def main(argv: Sequence[str]) -> int:
    command_line.parser("fault-table", __doc__).parse_args(argv)
    replace_file(DOC, marked.replaced(DOC.read_text(), MARKS, table(PROGRAM)).encode())
    return 0


def table(program: Path) -> str:
    return "".join(f"{line}\n" for line in [
        row(["fault", *COLUMNS]), row(["---", *("---" for _ in COLUMNS)]),
        *(row([f"`{plan}`", *(outcome(program, plan, option) for option in COLUMNS.values())])
          for plan in PLANS)])


def outcome(program: Path, plan: str, option: str) -> str:
    """What becomes of the fault, in the first run in which it matters."""
    if not plan.endswith(" N"):
        return said(_run(program, plan, option))
    for number in range(FIRST, LAST):
        run = _run(program, f"{plan.removesuffix('N')}{number}", option)
        if run.returncode == 0 and "\nrecovered: " in run.stdout:
            return "recovered"
        if run.returncode and "nothing was dropped" not in run.stderr:
            return said(run)
    return BORNE


def said(run: "subprocess.CompletedProcess[str]") -> str:
    """The outcome of a run. What is late on a busy machine may be recovered, too, and is borne."""
    if run.returncode == -signal.SIGKILL:
        return "the process is killed"
    if run.returncode == 0:
        return BORNE
    if hang := _HANG.search(run.stdout):
        return f"hangs: {hang[1]}"
    if "a request that was never submitted" in run.stderr:
        return "refused: a request that was never submitted"
    if counts := _COUNTS.findall(run.stdout):
        return "found: " + ", ".join(f"{number} {what}" for number, what in counts)
    raise HarnessError(f"the run ended with {run.returncode}: {run.stderr}")


def _run(program: Path, plan: str, option: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([program, "device", "delay", "--on", f"in-process:rings=300,{option}",
                           "--fault", plan], capture_output=True, text=True, timeout=LIMIT)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
