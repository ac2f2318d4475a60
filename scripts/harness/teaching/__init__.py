# SPDX-License-Identifier: BSD-3-Clause
"""Labs for students: exercises with a grader (docs/labs). For those who write one:

A lab is a folder docs/labs/NN-NAME with README.md, hints.md, the student's files in skeleton/, and
grade.py, which has a `grader` with its tasks. Its solution, what the teacher wants to know, and
typical wrong answers are in docs/labs/solutions/NN-NAME, which students don't get.

    def build(folder: Path, work: Path) -> Code:     # of the student's folder, in another one
        return code.build(folder, ["answer.c"], work)

    grader = Grader(build)

    @grader.task(2)
    def twice(answer: Code) -> None:
        "twice() doubles"                            # what the two points are for
        number = random.randrange(1 << 30)           # so that no answer can be prepared
        expect(answer.call("twice", I32(number)).value, 2 * number, f"twice({number})")

A task that returns gives its points; one that raises Wrong gives none, for that reason. The
student's code runs in processes of its own, each with bounds on what it takes (sandbox.py), or, if it is
a kernel module, in a VM (guest.py); a device in C++ has a VM's grader for its driver (device.py), and what
uses /dev/kvm runs in an emulated host (host.py). What it prints says nothing to the grader. `./scripts/test labs` tries each lab: the skeleton gets few points,
the solution all, and solutions/NN-NAME/wrong/TASK-WHY.patch, applied to the solution, loses TASK alone.
"""
