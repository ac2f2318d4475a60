# SPDX-License-Identifier: BSD-3-Clause
"""Many requests through a guest while all goes wrong that a driver can bear: each is completed exactly
once. The level long has ten times as many."""

from typing import Any

import pytest

from bellwire.labs.lab import Lab
from bellwire.labs.processes import Device
from bellwire.plugin.run import Faults
from vmtests.case import LENGTH, all_completed, boot, finish

LOST = 100_000 * LENGTH  # requests
EACH = 10_000  # of them, the device is killed
OTHERS = 10_000 * LENGTH
SHORT = "20us..200us"
# Of two queues, so that a signal can overtake another, or come by the wrong wire.
BORNE = [f"{action} {wire} 1/100 {time}".strip() for wire in ("doorbell", "interrupt") for action, time in (
    ("delay", SHORT), ("double", SHORT), ("merge", "1ms"), ("reorder", "1ms"), ("misroute", ""),
    ("stall", SHORT))] + ["invent doorbell 5ms..50ms", "invent interrupt 5ms..50ms",
                         f"stall completion 1/100 {SHORT}"]


def ring(count: int, depth: int) -> str:
    return f"bell ring --ktap --count {count} --depth {depth}"


SIDE_BY_SIDE = f"""{ring(OTHERS // 2, 1)} >/run/other & {ring(OTHERS // 2, 16)} || exit
wait $! || exit
cat /run/other"""


def recovered(runs: list[dict[str, Any]], wire: str) -> int:
    return sum(run[f"recovered_{wire}"] for run in runs)


@pytest.mark.fault(f"drop interrupt 1/100; drop doorbell 1/100; crash completion {EACH}")
def test_lost_signals_and_a_device_that_dies(lab: Lab, device: Device, faults: Faults) -> None:
    lab.supervise()
    runs = finish(boot(lab, ring(LOST // 2, 1), ring(LOST // 2, 64)), exactly_once, lab.check)
    device.stop()
    assert sum(run["rings"] for run in runs) == LOST, runs
    injected = faults.injected()
    # A device that dies has taken requests that the next one takes again, and counts anew.
    assert injected[f"crash completion {EACH}"] == device.restarts >= LOST // EACH - 1, injected
    assert injected["drop interrupt 1/100"] > 0 and injected["drop doorbell 1/100"] > 0, injected
    assert recovered(runs, "interrupts") > 0 and recovered(runs, "doorbells") > 0, runs
    print(f"{LOST} requests: {injected}, {runs}")


@pytest.mark.transport("ivshmem", "vfio-user")
@pytest.mark.fault("; ".join(BORNE))
def test_all_that_a_driver_bears(lab: Lab, device: Device, faults: Faults) -> None:
    runs = finish(boot(lab, SIDE_BY_SIDE), exactly_once)
    device.stop()
    assert sum(run["rings"] for run in runs) == OTHERS, runs
    injected = faults.injected()
    assert all(injected.values()), injected
    print(f"{OTHERS} requests: {injected}, {runs}")


@pytest.mark.fault("freeze guest every 100ms..1s 10ms..100ms; drop interrupt 1/100")
def test_a_guest_that_is_frozen_again_and_again(lab: Lab, device: Device, faults: Faults) -> None:
    runs = finish(boot(lab, ring(OTHERS, 1)), exactly_once, lab.check)
    device.stop()
    assert all(faults.injected().values()), faults.injected()
    assert runs[0]["rings"] == OTHERS, runs


def exactly_once(run: dict[str, Any]) -> None:
    all_completed(run)
    assert run["hung"] == 0, run
