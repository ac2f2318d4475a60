# SPDX-License-Identifier: BSD-3-Clause
"""Every way to ring and to be notified, and queues that are broken on purpose."""

import pytest

from bellwire import Vm
from vmtests.bell import Bell
from vmtests.case import LENGTH

COUNT = 400 * LENGTH
DEEP = 5_000 * LENGTH  # 64 at a time, when each takes a sixtieth of the time
POLLED = 1_000 * LENGTH  # on a busy machine, a polling side waits for its CPU
EVERY_WAY = "--device echo,digest --worker all --kick all --wait all"
WAYS = 2 * 3 * 3 * 3


@pytest.mark.device("echo", "digest")
@pytest.mark.machine(cpus=2)
def test_one_boot(vm: Vm, bell: Bell) -> None:
    for count, depth in ((COUNT, 1), (DEEP, 64)):
        runs = bell.ring(vm, f"{EVERY_WAY} --count {count} --depth {depth}")
        assert [run["rings"] for run in runs] == [count] * WAYS
    bell.report(vm, "bell break")


@pytest.mark.machine(device_options=["--poll", "adaptive"])
def test_both_sides_poll(vm: Vm, bell: Bell) -> None:
    both_poll(vm, bell)


@pytest.mark.machine(device_options=["--poll", "always"])
def test_both_sides_poll_always(vm: Vm, bell: Bell) -> None:
    for run in both_poll(vm, bell):
        assert run["doorbells"] < POLLED / 10, run


def both_poll(vm: Vm, bell: Bell) -> list[dict[str, int]]:
    runs = bell.ring(vm, f"--poll all --depth 1,64 --count {POLLED}")
    assert [run["rings"] for run in runs] == [POLLED] * (3 * 2)
    for run in runs:
        if run["polling"] == "always":  # a polling side wants neither interrupt nor ring
            assert run["interrupts"] < POLLED / 10, run
    return runs


@pytest.mark.machine(cpus=2, device_options=["--poll", "adaptive"])
def test_the_modules_threads_poll(vm: Vm, bell: Bell) -> None:
    assert vm.run("echo 200 >/sys/module/bellwire/parameters/poll_us").status == 0
    runs = bell.ring(vm, f"--worker read,poll --poll all --depth 1,64 --count {POLLED}")
    assert [run["rings"] for run in runs] == [POLLED] * (2 * 3 * 2)


@pytest.mark.machine(device_options=["--moderate", "500"])
def test_moderated_interrupts(vm: Vm, bell: Bell) -> None:
    runs = bell.ring(vm, f"--wait all --depth 64 --count {POLLED}")
    assert [run["rings"] for run in runs] == [POLLED] * 3


@pytest.mark.device("delay")
def test_requests_that_are_completed_later(vm: Vm, bell: Bell) -> None:
    runs = bell.ring(vm, f"--device delay --kick all --depth 1,64 --count {COUNT}")
    assert [run["rings"] for run in runs] == [COUNT] * (3 * 2)
