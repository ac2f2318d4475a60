# SPDX-License-Identifier: BSD-3-Clause
"""Grades lab 5: a process in a VM uses /dev/edu0, and looks at what the driver did to the kernel and to
the device, whose process the grader can stop."""

import random
from pathlib import Path

from bellwire.teaching import module
from bellwire.teaching.grader import Grader, Wrong, expect
from bellwire.teaching.guest import Guest, Machine
from bellwire.teaching.hands import Hands

# edu_lab.h
IDENTIFY = 2 << 30 | 4 << 16 | ord("E") << 8 | 1
CHECK = 3 << 30 | 4 << 16 | ord("E") << 8 | 2
SET, COMPUTE = ord("E") << 8 | 3, ord("E") << 8 | 4
RESULT = 2 << 30 | 4 << 16 | ord("E") << 8 | 5
# edu_registers.h
IDENTIFICATION, STATUS, INTERRUPT_STATUS = 0x0100_00ed, 0x20, 0x24
EBADF, EAGAIN, EBUSY, ENODEV, EINVAL = -9, -11, -16, -19, -22

FILE = "/dev/edu0"
BUS = "/sys/bus/pci/devices"
DRIVER = "/sys/bus/pci/drivers/edu"


def build(folder: Path, work: Path) -> Guest:
    made = module.build(folder, ("edu.c", "edu_lab.h", "edu_registers.h"), work)
    return Guest(made, work, Machine(["edu"], "vfio-user"))


grader = Grader(build)


def with_eventfd(hands: Hands) -> tuple[int, int]:
    """The open file, and the eventfd that it has."""
    file, fd = hands.opened(FILE), hands.eventfd()
    expect(hands.ioctl(file, SET, fd), 0, "EDU_SET with an eventfd")
    return file, fd


def number_of(hands: Hands, file: int, command: int, name: str, number: int = 0) -> int:
    """What the ioctl brings."""
    error, data = hands.ioctl_of(file, command, number.to_bytes(4, "little"))
    expect(error, 0, name)
    return int.from_bytes(data, "little")


def factorial(number: int) -> int:
    product = 1
    for factor in range(2, number + 1):
        product = product * factor % (1 << 32)
    return product


def some() -> int:
    return random.randrange(5, 30)


def compute(hands: Hands, file: int, fd: int) -> None:
    """Waits for it."""
    number = some()
    expect(hands.ioctl(file, COMPUTE, number), 0, f"EDU_COMPUTE of {number}")
    if not hands.awaits(fd):
        raise Wrong(f"the eventfd was not rung within {hands.limit:.1f} s after EDU_COMPUTE")
    expect(hands.take(fd), 1, "the eventfd's count after EDU_COMPUTE")
    expect(number_of(hands, file, RESULT, "EDU_RESULT"), factorial(number),
           f"EDU_RESULT after EDU_COMPUTE of {number}")


def device(hands: Hands) -> str:
    """Its PCI address."""
    return next(name for name in hands.listed(BUS)
                if hands.file(f"{BUS}/{name}/device").strip() == "0x11e8")


def interrupts(hands: Hands) -> int:
    """How many there were."""
    vectors = hands.listed(f"{BUS}/{device(hands)}/msi_irqs")
    expect(len(vectors), 1, "how many interrupts of the device are messages (MSI)")
    lines = (line.split() for line in hands.file("/proc/interrupts").splitlines()[1:])
    return next((int(line[1]) for line in lines if line[0] == f"{vectors[0]}:"), 0)


@grader.task(2)
def registers(guest: Guest) -> None:
    """EDU_IDENTIFY and EDU_CHECK reach the device's registers"""
    with guest.loaded() as hands:
        file, number = hands.opened(FILE), random.randrange(1 << 32)
        expect(number_of(hands, file, IDENTIFY, "EDU_IDENTIFY"), IDENTIFICATION, "the identification")
        expect(number_of(hands, file, CHECK, "EDU_CHECK", number), number ^ 0xffff_ffff,
               f"EDU_CHECK with {number}")


@grader.task(4)
def rings(guest: Guest) -> None:
    """EDU_COMPUTE has a factorial computed, whose interrupt rings the eventfd once"""
    with guest.loaded() as hands:
        file, fd = with_eventfd(hands)
        error, _ = hands.ioctl_of(file, RESULT, bytes(4))
        expect(error, EAGAIN, "EDU_RESULT before the first EDU_COMPUTE")
        for _ in range(3):
            compute(hands, file, fd)


@grader.task(2)
def by_message(guest: Guest) -> None:
    """Each factorial is one interrupt, by message"""
    with guest.loaded() as hands:
        file, fd = with_eventfd(hands)
        compute(hands, file, fd)
        before, times = interrupts(hands), random.randrange(3, 9)
        for _ in range(times):
            compute(hands, file, fd)
        expect(interrupts(hands) - before, times, f"how many interrupts came for {times} factorials")


@grader.task(2)
def acknowledges(guest: Guest) -> None:
    """The handler acknowledges the interrupt"""
    with guest.loaded() as hands:
        compute(hands, *with_eventfd(hands))
        expect_register(guest, hands, INTERRUPT_STATUS, "the interrupts that are pending")


def expect_register(guest: Guest, hands: Hands, offset: int, what: str) -> None:
    """The kernel lets nobody look while a driver has the device."""
    hands.ask("closeall")
    expect(guest.unload(hands), 0, "rmmod with all files closed")
    place = f"{BUS}/{device(hands)}"
    hands.put(f"{place}/enable", "1")
    found = hands.peek(f"{place}/resource0", offset)
    hands.put(f"{place}/enable", "0")
    expect(found, 0, f"{what}, in the device's register {offset:#x} afterwards")


@grader.task(2)
def busy(guest: Guest) -> None:
    """While one is computed, EDU_COMPUTE is EBUSY and EDU_RESULT EAGAIN"""
    with guest.loaded() as hands:
        file, fd = with_eventfd(hands)
        compute(hands, file, fd)
        number = some()
        with guest.paused():
            expect(hands.ioctl(file, COMPUTE, number), 0, "EDU_COMPUTE while the device is slow")
            expect(hands.ioctl(file, COMPUTE, 3), EBUSY, "EDU_COMPUTE while one is computed")
            error, _ = hands.ioctl_of(file, RESULT, bytes(4))
            expect(error, EAGAIN, "EDU_RESULT while one is computed")
        if not hands.awaits(fd):
            raise Wrong("the eventfd was not rung when the device had computed")
        expect(number_of(hands, file, RESULT, "EDU_RESULT"), factorial(number), "EDU_RESULT then")


@grader.task(2)
def refuses(guest: Guest) -> None:
    """EDU_SET refuses what is no eventfd; a second program can't open the file"""
    with guest.loaded() as hands:
        file, fd = with_eventfd(hands)
        closed, null = hands.eventfd(), hands.open("/dev/null")
        hands.close(closed)
        expect(hands.ioctl(file, SET, closed), EBADF, "EDU_SET with a closed descriptor")
        expect(hands.ioctl(file, SET, null), EINVAL, "EDU_SET with a descriptor of /dev/null")
        compute(hands, file, fd)
        expect(hands.open(FILE), EBUSY, f"{FILE}, opened a second time")
        hands.close(file)
        compute(hands, *with_eventfd(hands))


@grader.task(2)
def releases(guest: Guest) -> None:
    """The eventfd is given back when the file is closed; without one, factorials are computed as well"""
    with guest.loaded() as hands:
        file, fd = with_eventfd(hands)
        identity = hands.identity(fd)
        for each in (file, fd):
            hands.close(each)
        if not hands.until(lambda: hands.is_free(identity)):
            raise Wrong("the eventfd is still there: your driver has a reference to it")
        file, number = hands.opened(FILE), some()
        expect(hands.ioctl(file, COMPUTE, number), 0, "EDU_COMPUTE without an eventfd")
        if not hands.until(lambda: hands.ioctl_of(file, RESULT, bytes(4))[0] == 0):
            raise Wrong(f"EDU_RESULT is not there within {hands.limit:.1f} s, without an eventfd")
        expect(number_of(hands, file, RESULT, "EDU_RESULT"), factorial(number), "EDU_RESULT then")


@grader.task(3)
def unbound(guest: Guest) -> None:
    """A program may have the file open when the device goes"""
    with guest.loaded() as hands:
        file, fd = with_eventfd(hands)
        compute(hands, file, fd)
        address = device(hands)
        expect(hands.put(f"{DRIVER}/unbind", address), len(address), f"unbind of {address}")
        expect(hands.open(FILE), -2, f"{FILE}, opened when the device is gone")
        for name, command in (("EDU_IDENTIFY", IDENTIFY), ("EDU_RESULT", RESULT)):
            expect(hands.ioctl_of(file, command, bytes(4))[0], ENODEV, f"{name} then")
        expect(hands.ioctl(file, COMPUTE, 5), ENODEV, "EDU_COMPUTE then")
        expect(hands.put(f"{DRIVER}/bind", address), len(address), f"bind of {address}")
        other, its = with_eventfd(hands)
        compute(hands, other, its)
        hands.close(file)
        compute(hands, other, its)


@grader.task(1)
def leaves_it_quiet(guest: Guest) -> None:
    """When the driver goes, it first switches the interrupts of the device off"""
    with guest.loaded() as hands:
        compute(hands, *with_eventfd(hands))
        expect_register(guest, hands, STATUS, "the status")
