# SPDX-License-Identifier: BSD-3-Clause
"""Grades lab 8 in an emulated host: the student's monitor runs a guest of ours, the grader's process has
the eventfds and the guest's memory, and the kernel counts exits and ioctls."""

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bellwire.teaching import host
from bellwire.teaching.grader import Grader, Wrong, expect, words
from bellwire.teaching.host import Counts, Host, Program

HERE = Path(__file__).parent
MEMORY, QUEUES, PLAN, SEEN, INTERRUPTS = 0x10000, 4, 0x500, 0x514, 0x518  # guest.h
WRITE, SHORT, READ, SLEEP, BREAK = range(5)
IO, MMIO = 2, 6  # reasons of exits, of linux/kvm.h
RUN = 0xae80  # KVM_RUN
EIO = -5


def build(folder: Path, work: Path) -> Host:
    skeleton = HERE / "skeleton"
    program = host.build(folder, ["vmm.c"], [HERE / "scenarios/calls.c", skeleton / "guest.S"],
                         [skeleton / "vmm_lab.h", skeleton / "guest.h"], work)
    return Host(program, work)


grader = Grader(build)


class Machine:
    """The student's, with our guest."""

    def __init__(self, program: Program) -> None:
        self.program, self.hands = program, program.hands
        self.doorbells = [self.hands.eventfd() for _ in range(QUEUES)]
        self.interrupt, self.handled = self.hands.eventfd(), self.hands.eventfd()
        self._memory = self.hands.must("memory", MEMORY)
        program.start()

    def create(self) -> None:
        for queue, doorbell in enumerate(self.doorbells):
            self.program.call("doorbell", queue, doorbell)
        expect(self.program.call("create", self._memory), 0, "lab_create()")

    def begin(self, action: int, times: int = 1, value: int = 0, offset: int = 0) -> int:
        """Lets the guest do that. Returns what lab_run() has to return at its end."""
        end = random.randrange(1 << 32)
        plan = b"".join(word.to_bytes(4, "little") for word in (action, times, value, offset, end, 0, 0))
        self.hands.must("writeat", self._memory, PLAN, plan.hex())
        self.program.begin("run")
        return end

    def run(self, action: int, times: int = 1, value: int = 0, offset: int = 0) -> Counts:
        """Runs the guest to its end. Returns what the kernel counted."""
        with self.program.counting() as counts:
            end = self.begin(action, times, value, offset)
            expect(self.program.result(), end, "what lab_run() returned")
        return counts

    def ring(self, queue: int) -> Counts:
        """Has the guest ring that queue, some times, and looks at all doorbells."""
        times = random.randrange(3, 50)
        counts = self.run(WRITE, times, queue)
        seen = [self.hands.take(doorbell) if self.hands.count(doorbell) else 0
                for doorbell in self.doorbells]
        expect(seen, [times if number == queue else 0 for number in range(QUEUES)],
               f"the counts of the queues when the guest rang queue {queue} {times} times")
        return counts

    def word(self, place: int) -> int:
        """What the guest has there."""
        data = self.hands.ask("readat", self._memory, place, 4)[1]
        return int.from_bytes(data, "little")

    def await_sleep(self) -> None:
        """Waits until the guest's CPU sleeps. Wrong: it does not."""
        asleep = self.hands.until(lambda: self.program.has_returned() or self.program.sleeps())
        if self.program.has_returned():
            raise Wrong(f"lab_run() returned {words(self.program.result())}, and the guest is in HLT")
        if not asleep:
            raise Wrong("the guest is in HLT, and your program goes on computing")

    def raise_interrupt(self, number: int) -> None:
        """The guest has had one less. Wrong: it gets none."""
        self.await_sleep()
        self.hands.ring(self.interrupt)
        if not self.hands.until(lambda: self.word(INTERRUPTS) >= number):
            raise Wrong(f"the eventfd of lab_irqfd() was rung, and the guest had {self.word(INTERRUPTS)} "
                        f"interrupts, not {number}, {self.hands.limit:.1f} s later")


@contextmanager
def machine(tried: Host) -> Iterator[Machine]:
    with tried.program() as program:
        made = Machine(program)
        made.create()
        yield made


def call(made: Machine, name: str, first: int, second: int = 0) -> None:
    expect(made.program.call(name, first, second), 0, f"lab_{name}()")


def expect_no_exits(counts: Counts, what: str) -> None:
    expect(counts["exit", MMIO], 0, f"exits for accesses to memory, {what}")


@grader.task(2)
def runs(tried: Host) -> None:
    """A guest runs; what it writes to END_PORT ends lab_run(), and comes back"""
    with machine(tried) as made:
        for _ in range(2):
            counts = made.run(READ)
            expect(counts["exit", IO], 1, "exits for the port, of a guest that writes to it once")


@grader.task(3)
def comes_out(tried: Host) -> None:
    """Without an ioeventfd, each ring of the guest's is an exit, and adds 1 to the eventfd of its queue"""
    with machine(tried) as made:
        for queue in random.sample(range(QUEUES), 2):
            counts = made.ring(queue)
            expect(counts["exit", MMIO] > 0, True, "whether exits came, without an ioeventfd")


@grader.task(1)
def counts_exits(tried: Host) -> None:
    """`exits` is what the kernel counts"""
    with machine(tried) as made:
        before = made.program.call("exits")
        counts = made.run(WRITE, random.randrange(3, 50), random.randrange(QUEUES))
        expect(made.program.call("exits") - before, sum(counts[key] for key in counts if key[0] == "exit"),
               "the exits of a run")


@grader.task(2)
def refuses(tried: Host) -> None:
    """The number of no queue, another width or another place rings nobody, and the guest runs on"""
    with machine(tried) as made:
        for action, value, offset in ((WRITE, random.randrange(QUEUES, 1 << 31), 0), (WRITE, (1 << 32) - 1, 0),
                                      (SHORT, 1, 0), (WRITE, 1, 4 * random.randrange(1, 1 << 12))):
            made.run(action, 1, value, offset)
            rung = [queue for queue, doorbell in enumerate(made.doorbells) if made.hands.count(doorbell)]
            expect(rung, [], f"the queues that are rung by a write of {4 if action == WRITE else 2} bytes, "
                             f"{value:#x}, at DOORBELL + {offset}")


@grader.task(1)
def reads(tried: Host) -> None:
    """What the guest reads where nothing is, is 0"""
    with machine(tried) as made:
        made.run(WRITE, 1, random.randrange(1, QUEUES))
        made.run(READ)
        expect(made.word(SEEN), 0, "what the guest read at DOORBELL, after it wrote there")


@grader.task(1)
def breaks_down(tried: Host) -> None:
    """lab_run() of a guest that breaks down returns -EIO"""
    with machine(tried) as made:
        made.begin(BREAK)
        expect(made.program.result(), EIO, "what lab_run() returned, of a guest that broke down")


@grader.task(3)
def listens(tried: Host) -> None:
    """With an ioeventfd the eventfd counts each ring, and nothing comes out"""
    with machine(tried) as made:
        queue = random.randrange(QUEUES)
        call(made, "ioeventfd", queue)
        expect_no_exits(made.ring(queue), f"with an ioeventfd for queue {queue}")


@grader.task(2)
def matches(tried: Host) -> None:
    """Each queue has an ioeventfd of its own; what is of no such queue or another width comes out"""
    with machine(tried) as made:
        one, other, third = random.sample(range(QUEUES), 3)
        call(made, "ioeventfd", one)
        call(made, "ioeventfd", other)
        for queue in (one, other):
            expect_no_exits(made.ring(queue), f"with ioeventfds for the queues {one} and {other}")
        made.ring(third)
        expect(made.run(SHORT, 1, one)["exit", MMIO], 1, "exits for a write of 2 bytes")


@grader.task(1)
def stops_listening(tried: Host) -> None:
    """lab_no_ioeventfd() has the rings of the queue come out again"""
    with machine(tried) as made:
        queue = random.randrange(1, QUEUES)
        call(made, "ioeventfd", queue)
        call(made, "no_ioeventfd", queue)
        counts = made.ring(queue)
        expect(counts["exit", MMIO] > 0, True, "whether exits came, after lab_no_ioeventfd()")


@grader.task(3)
def interrupts(tried: Host) -> None:
    """With an irqfd each ring interrupts a guest that sleeps, without an exit and without an ioctl"""
    with machine(tried) as made:
        call(made, "irqfd", made.interrupt)
        times = random.randrange(3, 20)
        with made.program.counting() as counts:
            end = made.begin(SLEEP, times)
            for number in range(1, times + 1):
                made.raise_interrupt(number)
            expect(made.program.result(), end, "what lab_run() returned")
        expect(made.word(INTERRUPTS), times, f"interrupts of {times} rings")
        expect(exits(counts), 1, f"exits of {times} interrupts, with that of the end")
        expect(ioctls(counts), 0, f"ioctls but KVM_RUN, for {times} interrupts")


def exits(counts: Counts) -> int:
    return sum(count for (kind, _), count in counts.items() if kind == "exit")


def ioctls(counts: Counts) -> int:
    return sum(count for (kind, which), count in counts.items() if kind != "exit" and which != RUN)


@grader.task(1)
def goes_on(tried: Host) -> None:
    """A signal does not end lab_run()"""
    with machine(tried) as made:
        call(made, "irqfd", made.interrupt)
        end = made.begin(SLEEP)
        for _ in range(3):
            made.await_sleep()
            made.program.interrupt()
        made.raise_interrupt(1)
        expect(made.program.result(), end, "what lab_run() returned, after signals")


@grader.task(1)
def stops_interrupting(tried: Host) -> None:
    """lab_no_irqfd() has the kernel leave the eventfd alone"""
    with machine(tried) as made:
        call(made, "irqfd", made.interrupt)
        call(made, "no_irqfd", made.interrupt)
        made.hands.ring(made.interrupt)
        expect(made.hands.count(made.interrupt), 1,
               "the count of an eventfd that was rung after lab_no_irqfd(): KVM takes the count of one "
               "that it listens to")


@grader.task(2)
def level(tried: Host) -> None:
    """lab_irqfd_level() rings `handled` when the guest has handled the interrupt"""
    with machine(tried) as made:
        call(made, "irqfd_level", made.interrupt, made.handled)
        times = random.randrange(2, 6)
        end = made.begin(SLEEP, times)
        for number in range(1, times + 1):
            made.raise_interrupt(number)
            if not made.hands.awaits(made.handled):
                raise Wrong(f"`handled` was not rung within {made.hands.limit:.1f} s after interrupt {number}")
            expect(made.hands.take(made.handled), 1, "the count of `handled`, after an interrupt")
        expect(made.program.result(), end, "what lab_run() returned")


@grader.task(2)
def destroys(tried: Host) -> None:
    """lab_destroy() leaves no file and no mapping"""
    with tried.program() as program:
        made = Machine(program)
        program.call("exits")
        files, maps = program.files(), program.maps()
        made.create()
        call(made, "ioeventfd", 0)
        call(made, "irqfd", made.interrupt)
        made.ring(0)
        program.call("destroy")
        expect(left(files, program.files()), [], "descriptors that lab_destroy() left open")
        expect(left(maps, program.maps()), [], "what lab_destroy() left mapped")


def left(before: list[str], now: list[str]) -> list[str]:
    return sorted((Counter(now) - Counter(before)).elements())
