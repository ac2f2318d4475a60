# SPDX-License-Identifier: BSD-3-Clause
"""A student's program that uses /dev/kvm, tried in an emulated host, whose kernel counts what it does.

    def build(folder: Path, work: Path) -> Host:
        return Host(host.build(folder, ["mine.c", "mine.h"], [HERE / "scenarios/calls.c"], work), work)

    @grader.task(1)
    def runs(host: Host) -> None:
        "the guest runs"
        with host.program() as program:
            memory = program.hands.must("memory", 1 << 16)
            program.start()                          # it has what the hands have
            expect(program.call("create", memory), 0, "lab_create()")

The program is the student's functions behind a main() of the lab's, which calls one for each line on a
descriptor of its own. What they print says nothing: the grader's process looks at the eventfds and the
memory that it shares with the program, and at the kernel's counts of exits and of ioctls.
"""

import re
import signal
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bellwire.core.children import describe
from bellwire.face import lab as face
from bellwire.labs.lab import Lab
from bellwire.teaching import code, hands as in_guest
from bellwire.teaching.grader import Wrong
from bellwire.teaching.guest import EAGAIN, Booted, Machine
from bellwire.teaching.hands import Hands, Lost

Counts = Counter[tuple[str, int]]  # of exits by reason, of ioctls by command: ("exit", 6)

TRACING = "/sys/kernel/tracing"
COUNTED = {"exit": ("kvm/kvm_userspace_exit", "reason"), "vm": ("kprobes/lab_vm", "cmd"),
           "vcpu": ("kprobes/lab_vcpu", "cmd")}  # each with the field that says which
_PREPARE = f"""
chmod 0666 /dev/kvm
mount -t tracefs tracefs {TRACING}
echo 'p:lab_vm kvm_vm_ioctl cmd=%si' >{TRACING}/kprobe_events
echo 'p:lab_vcpu kvm_vcpu_ioctl cmd=%si' >>{TRACING}/kprobe_events
{"".join(f"echo hist:keys={field} >{TRACING}/events/{event}/trigger;" for event, field in COUNTED.values())}
exec /share/hands
"""
_ENTRY = re.compile(r"\{ \w+: +(\w+) +\} hitcount: +(\d+)")


def build(folder: Path, sources: Sequence[str], ours: Sequence[Path], headers: Sequence[Path],
          work: Path) -> Path:
    """Of the student's folder only the sources are read. NotBuilt says why there is no program."""
    for name in sources:
        code.copy_source(folder / name, work / name)
    for header in headers:
        code.copy_source(header, work / header.name)
    made = work / "program"
    code.compile_c([*(work / name for name in sources), *ours], made, "-static", f"-I{work}")
    return made


class Host(Booted):
    """An emulated host with the grader's process in it."""

    def __init__(self, program: Path, work: Path) -> None:
        super().__init__(work, Machine())
        self._program = program

    def _fill(self, share: Path) -> None:
        code.compile_c([in_guest.SOURCE], share / "hands", "-static", "-DPROGRAMS")
        self._program.rename(share / "program")

    def _make_lab(self) -> Lab:
        return face.emulated_host(self._folder)

    @property
    def _command(self) -> list[str]:
        return ["sh", "-c", _PREPARE]

    @contextmanager
    def program(self) -> Iterator["Program"]:
        """One that is to be started, for a with statement."""
        hands = self._running()
        made = Program(hands)
        try:
            yield made
            made.end()
        except BaseException as error:
            if isinstance(error, Wrong) and not isinstance(error, Lost) and hands.idle:
                made.end()
            else:
                self._end()
            raise


class Program:
    def __init__(self, hands: Hands) -> None:
        self.hands = hands
        self.number = 0
        self._said = b""

    def start(self) -> None:
        """It inherits the eventfds and the memory that the hands have made so far."""
        self._port, number = self.hands.ask("program", "/share/program")
        self.number = int.from_bytes(number, "little")

    def end(self) -> None:
        """Kills it, with all that it has started, and closes what it was given."""
        if self.number:
            self.hands.must("end", self.number)
        self.hands.must("closeall")

    def begin(self, name: str, first: int = 0, second: int = 0) -> None:
        """Calls a function, and does not wait."""
        self._calls = name
        self.hands.write(self._port, f"{name} {first} {second}\n".encode())

    def call(self, name: str, first: int = 0, second: int = 0) -> int:
        self.begin(name, first, second)
        return self.result()

    def has_returned(self) -> bool:
        """Whether there is a result, or never will be one."""
        return b"\n" in self._said or self.hands.ask("poll", self._port, 1, 0)[0] != 0

    def result(self) -> int:
        """What the function returned. Wrong: it does something else."""
        while b"\n" not in self._said:
            if not self.hands.awaits(self._port):
                raise Wrong(f"lab_{self._calls}() had not returned after {self.hands.limit:.1f} s: it "
                            f"{'sleeps' if self.sleeps() else 'goes on computing'}")
            self._said += self._more()
        line, _, self._said = self._said.partition(b"\n")
        try:
            return int(line)
        except ValueError:
            raise Wrong(f"lab_{self._calls}() wrote to a descriptor that isn't its own") from None

    def _more(self) -> bytes:
        size, data = self.hands.ask("read", self._port, 4096)
        if size > 0:
            return data
        self.hands.until(lambda: self.hands.ask("ended", self.number)[0] != EAGAIN)
        status = self.hands.ask("ended", self.number)[0]
        died = -(status & 0x7f) or status >> 8
        raise Wrong(f"lab_{self._calls}() did not return: its process {describe(died)}")

    def sleeps(self) -> bool:
        """Whether it waits for something, now."""
        said = self.hands.file(f"/proc/{self.number}/stat").rpartition(")")[2].split()
        return said[:1] == ["S"]

    def interrupt(self) -> None:
        self.hands.must("signal", self.number, int(signal.SIGUSR1))

    def files(self) -> list[str]:
        """The numbers of its open files."""
        return sorted(self.hands.listed(f"/proc/{self.number}/fd"), key=int)

    def maps(self) -> list[str]:
        """The files that it has mapped."""
        lines = self.hands.file(f"/proc/{self.number}/maps").splitlines()
        return [line.split(maxsplit=5)[5] for line in lines if len(line.split(maxsplit=5)) > 5]

    @contextmanager
    def counting(self) -> Iterator[Counts]:
        """What the kernel counts meanwhile: exits by their reasons, and ioctls by their commands. It
        is complete when the with statement has been left."""
        found: Counts = Counter()
        before = self._counts()
        yield found
        found.update(self._counts() - before)

    def _counts(self) -> Counts:
        found: Counts = Counter()
        for kind, (event, _) in COUNTED.items():
            text = self.hands.file(f"{TRACING}/events/{event}/hist")
            for which, count in _ENTRY.findall(text):
                found[kind, int(which, 0)] = int(count)
        return found
