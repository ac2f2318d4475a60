# SPDX-License-Identifier: BSD-3-Clause
"""Hops that are lost on purpose, and a driver that does not look for what did not come: each loss is
reported by name, and repaired."""

import re

import pytest

from bellwire.plugin import Labs
from bellwire.report import logs
from vmtests.case import LIMIT, figures, ktap_command

LOST = 50  # this one, of
COUNT = 100
RING = f"bell ring --ktap --recover off --count {COUNT}"

# What the guest or the device's wires lose, and how the loss is reported. All requests are answered
# nevertheless, but the run fails.
HOPS = {
    "kick": ("guest", "submitted", "its kick never seen: lost kick"),
    "doorbell": ("device", "doorbell written", "never seen by the device: lost doorbell"),
    "interrupt": ("device", "completion posted and interrupt raised",
                  "no interrupt taken: lost interrupt"),
    "call": ("guest", "interrupt taken", "call never signalled: lost call"),
    "wake": ("guest", "call eventfd signalled", "process never awake: lost wake"),
}
EACH_HOP = pytest.mark.parametrize("hop", HOPS)

pytestmark = pytest.mark.lenient  # a loss that the device repairs in time fails nothing in the guest


@EACH_HOP
def test_ivshmem(labs: Labs, hop: str) -> None:
    lose_hop(labs, hop)


@EACH_HOP
@pytest.mark.transport("vfio-user")
def test_vfio_user(labs: Labs, hop: str) -> None:
    lose_hop(labs, hop)


@pytest.mark.parametrize("how", ["--wait read", "--wait poll --poll always"])
def test_no_way_to_wait_hides_a_lost_kick(labs: Labs, how: str) -> None:
    """The device repairs one by itself, after a second and a half."""
    results, errors, _ = lose(labs, "guest", f"kick={LOST}", how)
    assert re.search(r"(?m)its kick never seen: lost kick$", "\n".join(errors))
    (run,) = figures(results)
    assert (run["completions"], run["hung"]) == (COUNT, 1), run
    assert "\nnot ok 1" in results


def lose_hop(labs: Labs, hop: str) -> None:
    who, was, never = HOPS[hop]
    results, errors, log = lose(labs, who, f"{hop}={LOST}")
    told = rf"request \d+: {was} \d+\.\d s ago, {never}$"
    # The side that finds it reports it; the device repeats its driver's report.
    assert re.search(rf"(?m)^echo: queue 0: {told}", "\n".join(log))
    if who == "guest":
        assert re.search(rf"(?m)^bell: {told}", "\n".join(errors))
    (run,) = figures(results)
    assert (run["completions"], run["lost"]) == (COUNT, 0), run
    if errors:
        assert run["hung"] == 1, run
        assert "\nnot ok 1" in results


def lose(labs: Labs, who: str, what: str, how: str = "") -> tuple[str, list[str], list[str]]:
    """The guest's results, and the hangs that its command and the device reported."""
    drop = ("--drop", what)
    lab = labs.make(device_options=drop if who == "device" else ())
    vm = lab.boot(ktap_command(" ".join((RING, how, *(drop if who == "guest" else ())))))
    vm.wait(LIMIT)
    vm.close()
    lab.check()
    lab.devices[0].stop()  # it has written all of its log then
    return (vm.results.path.read_text(), logs.hangs(vm.stderr.path),
            logs.hangs(lab.devices[0].log))
