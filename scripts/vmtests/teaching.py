# SPDX-License-Identifier: BSD-3-Clause
"""What the worst kernel modules and devices of students can do to their grader: nothing but lose their
points."""

import os
import re
from pathlib import Path

from bellwire.plugin import Subtests
from bellwire.teaching import device, host, module
from bellwire.teaching.device import Queue, Served
from bellwire.teaching.grader import Grade, Grader, Task, expect
from bellwire.teaching.guest import Guest
from bellwire.teaching.host import Host

# An ioctl for each of these, and what the grader says of it.
WORST = {
    "return *(volatile int *)8;": "the guest panicked: .*at the step 'ioctl",
    "for (;;) ;": "the guest did not answer for .* its process is in .*answer_ioctl",
    "msleep(1000000000); break;": "the guest did not answer for .* its process is in .*msleep",
    'for (;;) pr_err("%0900d", 0);': "wrote more than 1 MiB to the kernel's log|did not answer for",
    "local_irq_disable(); for (;;) ;": "the guest did not answer for",
    "emergency_restart(); break;": "the guest died",
    "WARN_ON(1); break;": "the kernel complained: WARNING: ",
    "__module_get(THIS_MODULE); break;": "rmmod: the module is still in use",
    # What the grader's process says when all is well.
    r'pr_emerg("\n1 \n"); return 0;': "the ioctl: expected 1, seen 0",
}
SOURCE = """
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/reboot.h>

static long answer_ioctl(struct file *file, unsigned int command, unsigned long argument)
{
	switch (_IOC_NR(command)) {
	CASES
	}
	return 1;
}

static const struct file_operations operations = {
	.owner = THIS_MODULE, .unlocked_ioctl = answer_ioctl };
static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR, .name = "answer", .fops = &operations };
BEGIN
MODULE_LICENSE("GPL");
"""
BEGIN = "module_misc_device(device);"
TYPE = ord("A") << 8
HARMLESS = len(WORST)  # an ioctl that returns 1


def task(command: int) -> Task[Guest]:
    def ask(guest: Guest) -> None:
        with guest.loaded() as hands:
            expect(hands.ioctl(hands.open("/dev/answer"), TYPE | command), 1, "the ioctl")

    return Task(1, ask)


def graded(folder: Path, cases: str, begin: str = BEGIN, *commands: int) -> Grade:
    (folder / "answer.c").write_text(SOURCE.replace("CASES", cases).replace("BEGIN", begin))
    return Grader(build, [task(command) for command in (*commands, HARMLESS)]).grade(folder)


def build(folder: Path, work: Path) -> Guest:
    return Guest(module.build(folder, ("answer.c",), work), work)


def left_behind() -> str:
    """Our children."""
    pids = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return "\n".join(Path(f"/proc/{pid}/stat").read_text() for pid in pids)


def test_the_worst_loses_its_points_and_harms_no_other(tmp_path: Path, subtest: Subtests) -> None:
    cases = "\n".join(f"case {number}: {body}" for number, body in enumerate(WORST))
    before = left_behind()
    # A VM that is no more is followed by one in which all is well.
    order = [command for number in range(len(WORST)) for command in (number, HARMLESS)]
    outcomes = graded(tmp_path, cases, BEGIN, *order).outcomes
    for (body, reason), bad, good in zip(WORST.items(), outcomes[::2], outcomes[1::2]):
        with subtest(body):
            assert re.search(reason, bad.reason), bad.reason
            assert (bad.points, good.points) == (0, 1), good.reason
    assert left_behind() == before


def test_what_does_not_compile(tmp_path: Path) -> None:
    grade = graded(tmp_path, "case;")
    assert grade.points == 0
    assert grade.not_built.startswith("it does not compile: answer.c:11:"), grade.not_built


def test_what_is_called_and_is_not_there(tmp_path: Path) -> None:
    grade = graded(tmp_path, "default: { extern int nowhere(void); return nowhere(); }")
    assert "nowhere" in grade.not_built, grade.not_built


def test_what_panics_when_it_is_loaded(tmp_path: Path) -> None:
    begin = "static int __init begin(void) { return *(volatile int *)8; } module_init(begin);"
    for outcome in graded(tmp_path, "", f"{begin} void *unused = &device;", 0).outcomes:
        assert re.search("the guest panicked: .*at the step 'load", outcome.reason), outcome.reason


# An operation for each of these, and what the grader says of it.
WORST_DEVICES = {
    "std::abort();": "the device was killed by SIGABRT",
    "for (;;) std::this_thread::yield();": "was not completed within",
    "for (;;) fork();": "was not completed within",
    # Its log has a limit, beyond which it gets an error.
    "for (static char page[1 << 20];;) write(1, page, sizeof page);": "was not completed within",
    "_exit(0);": "the device ended with 0",
    'puts("BELLWIRE_DONE"); break;': "the status: expected BELLWIRE_DONE, seen BELLWIRE_FAILED",
}
DEVICE_SOURCE = """
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <thread>

#include "host/device/device_main.hpp"
#include "vdev/devices/request_device.hpp"

class Answer final : public bellwire::RequestDevice {
 public:
  bellwire::DeviceTraits traits() const noexcept override {
    return {.kind = "answer", .doorbells = 8, .interrupts = 8};
  }

 private:
  bellwire::ring::Reply serve(const bellwire::ring::Request& request) noexcept override {
    switch (request.operation) {
      CASES
      default: return {};
    }
    return {.status = BELLWIRE_FAILED};
  }
};

int main(int argc, char** argv) {
  return bellwire::device_main(argc, argv, {bellwire::ring_device<Answer>("answer", "answers")});
}
"""


def build_device(folder: Path, work: Path) -> Served:
    return device.build(folder, ("answer.cpp",), work)


def request(operation: int) -> Task[Served]:
    def ask(served: Served) -> None:
        with served.running() as hands:
            expect(Queue.claim(hands, "answer").ask(operation).status, "BELLWIRE_DONE", "the status")

    return Task(1, ask)


def test_the_worst_device_loses_its_points_and_harms_no_other(tmp_path: Path, subtest: Subtests) -> None:
    cases = "\n".join(f"case {number}: {body}" for number, body in enumerate(WORST_DEVICES))
    (tmp_path / "answer.cpp").write_text(DEVICE_SOURCE.replace("CASES", cases))
    before = left_behind()
    tasks = [request(operation) for number in range(len(WORST_DEVICES))
             for operation in (number, len(WORST_DEVICES))]
    outcomes = Grader(build_device, tasks).grade(tmp_path).outcomes
    for (body, reason), bad, good in zip(WORST_DEVICES.items(), outcomes[::2], outcomes[1::2]):
        with subtest(body):
            assert re.search(reason, bad.reason), bad.reason
            assert (bad.points, good.points) == (0, 1), good.reason
    assert left_behind() == before


def test_a_device_that_does_not_compile(tmp_path: Path) -> None:
    (tmp_path / "answer.cpp").write_text("int main() { return 1 }")
    grade = Grader(build_device, [request(0)]).grade(tmp_path)
    assert grade.not_built.startswith("it does not compile: answer.cpp:1:"), grade.not_built


# What a program does that is to answer 1, in an emulated host, and what the grader says of it.
WORST_PROGRAMS = {
    "abort();": "its process was killed by SIGABRT",
    "return 0;": "its process ended with 0",
    "for (;;) ;": "had not returned after .*goes on computing",
    "for (;;) pause();": "had not returned after .*sleeps",
    "for (;;) fork();": "had not returned after",
    "for (;;) { void *more = malloc(4096); if (more) memset(more, 1, 4096); }": "computing",
    "{ static char full[1 << 20]; for (;;) write(memfd_create(full, 0), full, 1 << 20); }": "computing",
    "kill(-1, SIGKILL); kill(getppid(), SIGKILL); break;": "answer: expected 1, seen 0",
    'puts("1"); break;': "answer: expected 1, seen 0",
    'dprintf(100, "1 all is well\\n"); break;': "wrote to a descriptor that isn't its own",
}
PROGRAM_SOURCE = """
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int main(void) {
  long n, unused;
  char name[32];
  FILE* grader = fdopen(100, "r");

  while (fscanf(grader, "%31s %ld %ld", name, &n, &unused) == 3) {
    switch (n) {
      CASES
      default:
        dprintf(100, "1\\n");
        continue;
    }
    dprintf(100, "0\\n");
  }
  return 0;
}
"""


def build_program(folder: Path, work: Path) -> Host:
    return Host(host.build(folder, ["answer.c"], [], [], work), work)


def question(number: int) -> Task[Host]:
    def ask(tried: Host) -> None:
        with tried.program() as program:
            program.start()
            expect(program.call("answer", number), 1, "answer")

    return Task(1, ask)


def test_the_worst_program_loses_its_points_and_harms_no_other(tmp_path: Path, subtest: Subtests) -> None:
    cases = "\n".join(f"case {number}: {body}" for number, body in enumerate(WORST_PROGRAMS))
    (tmp_path / "answer.c").write_text(PROGRAM_SOURCE.replace("CASES", cases))
    before = left_behind()
    tasks = [question(number) for worst in range(len(WORST_PROGRAMS))
             for number in (worst, len(WORST_PROGRAMS))]
    outcomes = Grader(build_program, tasks).grade(tmp_path).outcomes
    for (body, reason), bad, good in zip(WORST_PROGRAMS.items(), outcomes[::2], outcomes[1::2]):
        with subtest(body):
            assert re.search(reason, bad.reason), bad.reason
            assert (bad.points, good.points) == (0, 1), good.reason
    assert left_behind() == before
