# SPDX-License-Identifier: BSD-3-Clause
"""The module's own tests. With one device, since they unload the module, which renumbers devices."""

import pytest

from bellwire import Lab
from bellwire.vms.vm import Vm
from vmtests.case import DEBUG, LENGTH, boot, finish

RELOAD = ("rmmod bellwire && insmod /lib/modules/bellwire.ko && test -c /dev/bellwire0 "
          "&& echo 'ok 1 the module is unloaded and loaded' || echo 'not ok 1 the module reloads'")
# Of the race between all ends. The debug kernel sees what they leave behind, and takes minutes.
ROUNDS = 2000 if DEBUG else 1000 * LENGTH
# Which allocations may fail: see selftest/allocations.c.
FAIL = ["slub_debug=FZPUA;FZPU,radix_tree_node,proc_dir_entry"] if DEBUG else []
MACHINE = pytest.mark.machine(cpus=2, append=FAIL)


@MACHINE
def test_selftest(lab: Lab) -> None:
    vm = boot(lab, f"module-selftest -t {LENGTH} -r {ROUNDS}",
              f"echo 'KTAP version 1'; echo 1..1; {RELOAD}", "bell ring --ktap --count 1000")
    (run,) = finish(vm)
    lab.check()
    assert run["completions"] == 1000
    nothing_is_skipped(vm)


@pytest.mark.skipif(not DEBUG, reason="only the debug kernel makes allocations fail")
@MACHINE
@pytest.mark.transport("vfio-user,page=1")
def test_allocations_of_a_card(lab: Lab) -> None:
    vm = boot(lab, "module-selftest allocations")
    finish(vm)
    lab.check()
    nothing_is_skipped(vm)


def nothing_is_skipped(vm: Vm) -> None:
    """On the debug kernel, which has all that the tests ask for."""
    said = vm.results.path.read_text(errors="replace")
    skipped = [line for line in said.splitlines() if "# SKIP" in line]
    assert not (DEBUG and skipped), skipped
