# SPDX-License-Identifier: BSD-3-Clause
"""What the tests in VMs share: guests that run several commands, and checks of what these report."""

import functools
import json
import os
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from bellwire import ktap
from bellwire.image import debug_kernel, guest_image, kernel
from bellwire.labs.lab import Lab
from bellwire.report import logs
from bellwire.vms import accel, qemu, toolbox
from bellwire.vms.qemu import VmConfig
from bellwire.vms.verdict import TIMEOUT
from bellwire.vms.vm import BOOT_LIMIT, Vm

DEBUG = kernel.DEFAULT == debug_kernel.VERSION  # in the level of that name
SLOWNESS = 10 if DEBUG else 1
LENGTH = int(os.environ.get("BELLWIRE_LENGTH", "1"))  # the level long asks for more of the same
LIMIT = 900.0 * SLOWNESS * LENGTH  # seconds for a guest's command: a bound, not a goal


@functools.cache
def vm_config(version: str, smp: int, program: str = toolbox.PROGRAM,
              shared_memory: bool = False) -> VmConfig:
    image = guest_image.prepare(version)
    config = VmConfig(image, qemu=program, smp=smp, shared_memory=shared_memory)
    return config.on(accel.choose("auto", config, qemu.version(program)))


# In /proc/PID/maps: of a VM that booted, and of one that was resumed.
GUESTS_MEMORY = r"/memfd:(?:memory-backend-memfd|bellwire ram)"

# Prints the generation of the first queue. The first claim of a memory's life has 1, and 2 when it's given
# back.
GENERATION = "awk '$1 == 0 { print $4 }' /sys/kernel/debug/bellwire/bellwire0/queues"

Figures = dict[str, Any]  # of a run of `bell ring --ktap`


def all_completed(run: Figures) -> None:
    """Each ring was completed once, and none is wrong."""
    assert 0 < run["rings"] == run["completions"], run
    assert (run["lost"], run["duplicated"], run["corrupted"]) == (0, 0, 0), run


# Memory that a kernel with kmemleak finds lost is a failed test, and so is a kmemleak that has given up.
# A second scan passes over what the first one saw only for a moment.
LEAKS = """status=$?
leaks=/sys/kernel/debug/kmemleak
[ ! -e $leaks ] || {
    echo 'KTAP version 1'; echo 1..1
    echo scan >$leaks && sleep 5 && echo scan >$leaks && [ -z "$(cat $leaks)" ] ||
        { sed 's/^/# /' $leaks; echo -n 'not '; }
    echo 'ok 1 no memory was lost'
}
exit $status"""


def ktap_command(*commands: str) -> list[str]:
    """A guest's command that runs these in turn, with their KTAP as its test report."""
    begin = f"exec >/run/bellwire/results; export BELLWIRE_SLOWNESS={SLOWNESS}"
    return ["sh", "-c", "\n".join([begin, *commands, LEAKS])]


def boot(lab: Lab, *commands: str, drivers: Sequence[str] = ()) -> Vm:
    """Boots a VM that runs these commands."""
    return lab.boot(ktap_command(*commands), BOOT_LIMIT * SLOWNESS, drivers)


def finish(vm: Vm, check: Callable[[Figures], None] = all_completed,
           watch: Callable[[], None] = lambda: None) -> list[Figures]:
    """Waits until the command ends. Checks that it ended well and reported tests, and the figures of
    each run of `bell ring --ktap`, which it returns. The plugin judges the tests and the logs. `watch`
    is called meanwhile."""
    verdict = vm.wait(LIMIT, watch)
    vm.close()
    said = vm.results.path.read_text(errors="replace")
    if verdict.status == TIMEOUT:
        pytest.fail("\n".join([verdict.reason, *logs.stacks(vm.console), said[-1000:]]))
    assert verdict.status == 0, f"{verdict.reason}; see {vm.folder}"
    assert ktap.parse(said), f"{verdict.reason}, but it reported no test: {vm.folder}"
    runs = figures(said)
    for run in runs:
        check(run)
    return runs


def figures(said: str) -> list[Figures]:
    """The figures that `bell ring --ktap` reports for each run."""
    return [json.loads(line.removeprefix("# ")) for line in said.splitlines()
            if line.startswith('# {"device"')]
