# SPDX-License-Identifier: BSD-3-Clause
"""pytest's plugin: each test has a lab of its own, and a VM that is resumed in a fraction of a second.

    def test_the_driver_survives_its_device(vm, device):
        device.kill()
        device.start()
        assert vm.run("bell ring --count 100").status == 0

Fixtures, for one test each:

    lab      a `bellwire.Lab`, in which nothing runs yet; lab.boot() boots a VM, and the next one
    vm       a `bellwire.Vm` that has booted with the lab's devices; vm.run() runs commands in it
    device   the lab's first device, or your own program: kill(), start(), pause(), resume()
    trace    a `bellwire.Trace` of that device, which records; reading it ends the recording
    faults   what is to go wrong, and what is expected to: inject(), drop(), expect(), injected()
    labs     makes labs while the test runs: make(["blk=FILE"], cpus=2), as bellwire.lab(); add(LAB)
    subtest  `with subtest("NAME"):` makes a test within the test, and the test goes on if it fails;
             subtest.each(vm.run("COMMAND").tests) makes one of each test that the command reports

Markers say what a test needs; with several values, it runs once for each:

    kernel("6.1", "6.12")  transport("ivshmem", "vfio-user")  accelerator("tcg", "kvm")
    device("echo", "./mine {socket}")    the lab's devices: names of boot-vm's, or your own programs
    machine(cpus=2, memory=512, drivers=["ext4"], modules=["mine.ko"], shares=["data"])
    machine(guests=2, qemu="toolbox", shared_memory=True)    and others of `bellwire.lab`
    fault("delay interrupt 1/10 1ms")    what goes wrong with each device's signals (docs/faults.md)
    drop(doorbell=5)                     each device loses its fifth doorbell
    lenient                              what the test does not ask for is not looked for

What a machine doesn't have skips a test, with the reason. A test that passes fails nevertheless if
the guest's kernel warned, a request hung, a device failed or a test report of the guest did. What a
guest reports in /run/bellwire/results as KTAP or TAP, a command that lab.boot() got for example, is
a subtest each: the summary, JUnit's file and xdist count them as tests. With each failure stand the hang's last hop, the ends of the consoles and the logs, the folder of the
run, and the line that repeats it. Under pytest-xdist (`-n 4`) tests run in parallel.
"""

from bellwire.plugin.fixtures import (Labs, bellwire_accelerator, bellwire_cell, bellwire_kernel,
                                      bellwire_transport, device, faults, lab, labs, subtest, trace,
                                      vm)
from bellwire.plugin.hooks import (pytest_addoption, pytest_configure, pytest_generate_tests,
                                   pytest_runtest_call, pytest_runtest_makereport)
from bellwire.plugin.run import Faults
from bellwire.plugin.subtests import Subtests

__all__ = ["Faults", "Labs", "Subtests", "bellwire_accelerator", "bellwire_cell", "bellwire_kernel", "bellwire_transport", "device",
           "faults", "lab", "labs", "pytest_addoption", "pytest_configure", "pytest_generate_tests",
           "pytest_runtest_call", "pytest_runtest_makereport", "subtest", "trace", "vm"]
