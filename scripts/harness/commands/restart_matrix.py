# SPDX-License-Identifier: BSD-3-Clause
"""Kills the device behind each front-end of vhost-user at each stage, and says what happens.

A guest has a file system on our disk, which is killed and started again; then the guest's files are
compared with their checksums, and the host checks the file system. For our own front-end, the
suite of `bellwire conform` is run. With --write, the table of docs/vhost-user.md becomes what this
run found.
"""

import json
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bellwire import ktap
from bellwire.commands import command_line
from bellwire.core import children, runs
from bellwire.core.places import PROGRAM, ROOT, HarnessError, replace_file
from bellwire.image import guest_image, kernel
from bellwire.labs import guest_disk
from bellwire.labs.lab import Lab
from bellwire.report import logs, marked
from bellwire.report.marked import row
from bellwire.vms import accel, qemu, toolbox
from bellwire.vms.qemu import VmConfig
from bellwire.vms.verdict import TIMEOUT
from bellwire.vms.vm import Vm

DOC = ROOT / "docs/vhost-user.md"
MARKS = "restarts"  # in the page
DISK = 64 << 20
FILE = 1 << 20
LIMIT = 30.0  # seconds for a guest's command, which takes 2; what takes longer hangs
BACK = 3  # seconds in which a device is back: QEMU tries to connect once per second
LOST = "nothing is lost"


class Run:
    """A guest with our disk behind one front-end."""

    def __init__(self, lab: Lab, vm: Vm, disk: Path) -> None:
        self.lab, self.vm, self._disk = lab, vm, disk

    def restart(self, pause: float = 0.0) -> None:
        self.lab.devices[0].kill()
        time.sleep(pause)
        guest_disk.restart(self.vm, self.lab.devices[0], self._disk, LIMIT)

    def serves_again(self) -> bool:
        return guest_disk.serves_again(self.vm, BACK * 3)

    def reached(self, mark: str) -> bool:
        """Waits until the guest has printed that line; False if it ended before."""
        return self.vm.until(lambda: f"# {mark}\n" in self.vm.results.path.read_text()
                             or self.vm.poll() is not None, LIMIT) and self.vm.poll() is None


def once(run: Run) -> None:
    if run.reached("now"):
        run.restart()


def during_each(run: Run) -> None:
    """Soon after each mark of the guest."""
    for number in range(1, 5):
        if run.reached(f"now {number}"):
            time.sleep(random.uniform(0, 0.05))
            run.restart()
            if not run.serves_again():
                return


def again_and_again(run: Run) -> None:
    if run.reached("now 1"):
        for _ in range(5):
            run.restart()
            time.sleep(random.uniform(0, 0.02))
        run.restart()


def while_paused(run: Run) -> None:
    if run.reached("now 1"):
        run.vm.pause()
        run.restart()
        time.sleep(BACK)
        run.vm.resume()


def late(run: Run) -> None:
    if run.reached("now 1"):
        run.restart(pause=BACK)


WORK = f"""
busy
heartbeat
for number in $(seq 4); do
    prepare /mnt/$number {FILE}
    echo "# now $number"
    store /mnt/$number
done
idle
"""
BIND = """
driver=/sys/bus/virtio/drivers/virtio_blk
name=$(basename $(readlink -f /sys/block/vda/device))
"""


@dataclass(frozen=True)
class Stage:
    what: str  # when the device is killed
    work: str  # what the guest does between mkfs and the check
    harm: Callable[[Run], None]
    statement: int  # of `bellwire conform`, about the same stage
    times: int = 1  # that it is tried, as what happens depends on the instant


STAGES = (
    Stage("before Linux's driver is bound", f"""
umount /mnt
{BIND}
echo $name >$driver/unbind
echo "# now"
sleep {BACK}
echo $name >$driver/bind
mounted
""" + WORK, once, 116),
    Stage("while the driver is bound and unbound", f"""
umount /mnt
{BIND}
heartbeat
for number in $(seq 20); do
    echo "# now $number"
    echo $name >$driver/unbind
    echo $name >$driver/bind
    usleep 100000
done
mounted
""" + WORK.replace("# now", "# later").replace("heartbeat", ""), during_each, 117),
    Stage("when it has nothing to do", f'echo "# now"\nsleep {BACK}\n' + WORK, once, 109),
    Stage("with requests under way, four times", WORK, during_each, 108),
    Stage("with requests under way, and back only after 3 s", WORK, late, 118),
    Stage("again five times, within 20 ms after each start", WORK, again_and_again, 119, times=4),
    Stage("while the VM is paused", WORK, while_paused, 120),
)


@dataclass(frozen=True)
class FrontEnd:
    name: str
    transport: str
    toolbox: bool = False


FRONT_ENDS = (
    FrontEnd("the machine's QEMU, listening", "vhost-user,server=1"),
    FrontEnd("the machine's QEMU, connecting", "vhost-user,reconnect=1"),
    FrontEnd("the newer QEMU, listening", "vhost-user,server=1", True),
    FrontEnd("the newer QEMU, connecting", "vhost-user,reconnect=1", True),
)


def main(argv: Sequence[str]) -> int:
    parser = command_line.parser("restart-matrix", __doc__)
    parser.add_argument("--write", action="store_true", help="write the table to docs/vhost-user.md")
    parser.add_argument("--only", metavar="TEXT", default="",
                        help="only the stages and front-ends of whose names one has it")
    options = parser.parse_args(argv)
    command_line.exit_on_signals()
    image = guest_image.prepare(kernel.DEFAULT)
    heads, columns = ["the device is killed …"], []
    if not options.only:
        heads.append("bellwire's own")
        columns.append(own_front_end())
    for front in FRONT_ENDS:
        program = str(toolbox.get()) if front.toolbox else toolbox.PROGRAM
        config = VmConfig(image, qemu=program, shared_memory=True)
        config = replace(config, accel=accel.choose("auto", config, qemu.version(program)))
        version = qemu.version(program).split()[0]
        heads.append(f"QEMU {version}, {front.name.split(', ')[1]}")
        columns.append([cell(config, front, stage) if options.only in f"{front.name} {stage.what}"
                        else "" for stage in STAGES])
    text = table(heads, columns)
    print(text, end="")
    if options.write:
        replace_file(DOC, marked.replaced(DOC.read_text(), MARKS, text).encode())
    return 0


def cell(config: VmConfig, front: FrontEnd, stage: Stage) -> str:
    """What happens, in a few words, and how often if that differs."""
    found = Counter(once_more(config, front, stage) for _ in range(stage.times))
    if len(found) == 1:
        return next(iter(found))
    return "; ".join(f"{times} of {stage.times} times {what}" for what, times in found.items())


def once_more(config: VmConfig, front: FrontEnd, stage: Stage) -> str:
    folder = runs.create()
    with runs.private_folder() as private:
        disk = private / "disk"
        with disk.open("wb") as file:
            file.truncate(DISK)
        with Lab(config, folder, (f"blk={disk}",), transport=front.transport) as lab:
            found = _try(lab, disk, stage)
        found = found or "; ".join(guest_disk.faults(disk)) or LOST
    print(f"{front.name}: {stage.what}: {found}; {folder}", file=sys.stderr)
    return found


def _try(lab: Lab, disk: Path, stage: Stage) -> str:
    lab.start()
    vm = lab.vm(["sh", "-c", guest_disk.TOOLS + "exec >/run/bellwire/results; made\n" + stage.work + """
tell 'the files are read back' all_read_back
umount /mnt
tell 'no request failed' no_request_failed
""" + 'echo "1..$n"'])
    if death := vm.boot(watch=lab.check):
        raise HarnessError(death.reason)
    try:
        stage.harm(Run(lab, vm, disk))
    except HarnessError as error:
        return str(error)
    except Exception as error:  # QMP's, when QEMU dies
        if vm.pid:
            raise
        del error
    verdict = vm.wait(LIMIT)
    vm.close()
    if verdict.status == TIMEOUT:
        return "the guest hangs"
    if verdict.command_status is None:
        return f"QEMU dies: {logs.last_line(vm.folder / 'qemu.log') or verdict.reason}"
    cases = ktap.parse(f"TAP version 13\n{vm.results.path.read_text()}")
    return "; ".join(f"not so: {case.name}" for case in cases if case.outcome != "pass")


def own_front_end() -> list[str]:
    """By the suite: the statements about restarts, on our own disk."""
    with runs.private_folder() as private:
        out, socket, disk = private / "run.json", private / "socket", private / "disk"
        with disk.open("wb") as file:
            file.truncate(DISK)
        only = ",".join(str(stage.statement) for stage in STAGES)
        said = children.run(PROGRAM, "conform", "vhost-user", socket, "--only", only, "--json", out,
                            "--start", f"'{PROGRAM}' device blk --file {disk} --on vhost-user:{{socket}}")
        if said.returncode not in (0, 1):
            raise HarnessError(f"bellwire conform ended with {said.returncode}: {said.stderr}")
        verdicts = {entry["statement"]: entry for entry in json.loads(out.read_text())["statements"]}
    return [_of_statement(verdicts[stage.statement]) for stage in STAGES]


def _of_statement(entry: dict[str, str]) -> str:
    passed = entry["verdict"] == "pass"
    return f"{LOST if passed else entry['reason']} (statement {entry['statement']})"


def table(heads: Sequence[str], columns: Sequence[Sequence[str]]) -> str:
    lines = [row(heads), row(["---"] * len(heads))]
    lines += [row([stage.what, *(column[at] for column in columns)])
              for at, stage in enumerate(STAGES)]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
