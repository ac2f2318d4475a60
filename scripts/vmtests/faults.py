# SPDX-License-Identifier: BSD-3-Clause
"""Plans of faults with Linux's driver of ours: what costs only time loses nothing, what is lost is
recovered, and with a driver that does not recover it is found and named."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from bellwire.core.places import ROOT, HarnessError
from bellwire.labs.lab import Lab
from bellwire.labs.processes import Process
from bellwire.labs.trace import Trace
from bellwire.plugin.run import Faults
from bellwire.report import logs
from bellwire.vms.vm import Vm
from vmtests.case import GENERATION, figures

HARMLESS = ("delay interrupt 1/20 50us..2ms; delay doorbell 1/20 50us..2ms; double interrupt 1/20; "
            "double doorbell 1/20; merge interrupt 1/20; merge doorbell 1/20; "
            "reorder interrupt 1/20; reorder doorbell 1/20; swap interrupt 1/20; invent interrupt 1ms..5ms; "
            "invent doorbell 1ms..5ms; stall doorbell 700 50ms; seed 42")
LIMIT = 300.0  # for a command
# Each takes seconds, so that the guest is reset in their midst; the second time they end.
RINGS = "bell ring --ktap --count 1000000 --depth 64 >/run/bellwire/results"
DISK = """
dd if=/dev/zero of=/dev/vda bs=4k count=16000 conv=fsync || exit
yes bellwire | dd of=/dev/vda bs=4k count=2000 iflag=fullblock conv=fsync || exit
echo 3 >/proc/sys/vm/drop_caches
yes bellwire | dd bs=4k count=2000 iflag=fullblock | cmp -n 8192000 - /dev/vda || exit
printf 'KTAP version 1\\n1..1\\nok 1 the disk has what was written\\n' >/run/bellwire/results
"""
# At depth 1 each request has a doorbell and an interrupt, and nobody looks by itself.
LOST = "drop doorbell 50; drop interrupt 150; misroute doorbell 250; misroute interrupt 350"


@pytest.mark.transport("ivshmem", "vfio-user")
@pytest.mark.fault(HARMLESS)
def test_what_costs_only_time_loses_nothing(vm: Vm, device: Process, faults: Faults) -> None:
    ring = vm.run("bell ring --worker all --count 1000")
    assert ring.status == 0, ring
    device.stop()
    injected = faults.injected()
    assert len(injected) == 12 and all(injected.values()), injected


@pytest.mark.transport("ivshmem", "vfio-user")
@pytest.mark.fault("drop doorbell 1/100; drop interrupt 1/100; delay doorbell 1/100 50us..2ms; "
                   "delay interrupt 1/100 50us..2ms")
@pytest.mark.parametrize("depth", [1, 64])
def test_the_driver_recovers_what_is_lost(vm: Vm, device: Process, faults: Faults, depth: int) -> None:
    ring = vm.run(f"bell ring --ktap --worker all --count {2000 * depth} --depth {depth}")
    assert ring.status == 0, ring
    runs = figures(ring.stdout)
    assert all(run["rings"] == run["completions"] == 2000 * depth for run in runs), runs
    device.stop()
    doorbells, interrupts = (faults.injected()[f"drop {wire} 1/100"] for wire in ("doorbell", "interrupt"))
    assert doorbells and interrupts, faults.injected()
    # A device that is awake looks without a doorbell. At depth 1 each interrupt is needed, but the
    # claims' if the process has just looked by itself. One that was only late takes the place of
    # another at most, and has been recovered as well.
    assert sum(run["recovered_doorbells"] for run in runs) > 0, runs
    if depth == 1:
        assert sum(run["recovered_interrupts"] for run in runs) >= interrupts - len(runs), (runs, interrupts)


@pytest.mark.transport("ivshmem", "vfio-user")
@pytest.mark.fault("drop doorbell 1; drop interrupt 1")
def test_the_driver_recovers_a_claim(vm: Vm) -> None:
    (run,) = figures(vm.run("bell ring --ktap --count 10").stdout)
    assert run["completions"] == 10, run
    assert run["recovered_doorbells"] and run["recovered_interrupts"], run


@pytest.mark.transport("ivshmem", "vfio-user")
@pytest.mark.fault(LOST)
def test_what_is_lost_is_found_and_named(vm: Vm, device: Process, faults: Faults) -> None:
    faults.expect("lost doorbell")
    faults.expect("lost interrupt")
    ring = vm.run("bell ring --count 500 --recover off")
    assert ring.status == 1, ring
    device.stop()
    assert set(faults.injected().values()) == {1}, faults.injected()
    found = [hang.rpartition(": ")[2] for hang in logs.hangs(device.log)]
    assert sorted(found) == ["lost doorbell"] * 2 + ["lost interrupt"] * 2, found


# At depth 1, of 100 requests.
COMPLETIONS = {
    "corrupt completion 50": "100 rings, 100 completions, 0 lost, 0 hung, 0 duplicated, 1 corrupted",
    "misroute completion 50": "100 rings, 100 completions, 1 lost, 0 hung, 1 duplicated, 0 corrupted",
    "double completion 50": "the device completed a request that was never submitted",
    "stall completion 50 100ms": ""}


@pytest.mark.transport("ivshmem", "vfio-user")
@pytest.mark.parametrize("plan", COMPLETIONS)
def test_a_completion_that_is_wrong_is_refused(lab: Lab, faults: Faults, plan: str) -> None:
    faults.inject(plan)
    vm = lab.boot()
    ring = vm.run("bell ring --count 100")
    assert ring.status == (1 if COMPLETIONS[plan] else 0), ring
    assert COMPLETIONS[plan] in ring.stderr, ring
    assert vm.run("bell ring --count 100").status == 0
    lab.devices[0].stop()
    assert faults.injected() == {plan: 1}


@pytest.mark.transport("ivshmem", "vfio-user")
@pytest.mark.fault("freeze guest every 100ms..300ms 20ms..200ms; drop interrupt 1/1000")
def test_a_guest_that_is_frozen_loses_nothing(vm: Vm, device: Process, faults: Faults) -> None:
    for depth in (1, 64):
        (run,) = figures(vm.run(f"bell ring --ktap --count {10_000 * depth} --depth {depth}").stdout)
        assert run["rings"] == run["completions"] == 10_000 * depth, run
    device.stop()
    assert all(faults.injected().values()), faults.injected()


# Times count from when the guest is ready; on a busy machine it takes a while to ring.
@pytest.mark.fault("freeze guest after 4s 5s")
def test_a_guest_that_is_frozen_for_long_is_reported_as_paused(lab: Lab, vm: Vm) -> None:
    vm.run("timeout 8 bell ring --count 1000000000 --depth 64", LIMIT)
    said = [line.rpartition(": ")[2] for line, _ in lab.findings().interruptions]
    assert said == ["the driver is paused", "the driver was paused, and goes on"], said


@pytest.mark.transport("ivshmem", "vfio-user")
@pytest.mark.fault("reset guest after 4s")
def test_what_a_guest_had_under_way_is_not_completed_in_its_next_life(
        vm: Vm, faults: Faults, bellwire_transport: str) -> None:
    with pytest.raises(HarnessError, match="the guest was reset meanwhile"):
        vm.run("bell ring --count 1000000000 --depth 64", LIMIT)
    if bellwire_transport == "ivshmem":  # elsewhere the memory is the guest's own, and new
        assert int(vm.run(GENERATION).stdout) > 2
    for depth in (1, 64):  # a completion that nobody asked for breaks the queue, or counts as wrong
        (run,) = figures(vm.run(f"bell ring --ktap --count 2000 --depth {depth}").stdout)
        assert run["rings"] == run["completions"] == 2000, run
        assert (run["lost"], run["duplicated"], run["corrupted"]) == (0, 0, 0), run
    assert faults.injected() == {"reset guest after 4s": 1}


@pytest.mark.transport("ivshmem", "vfio-user")
@pytest.mark.fault("drop interrupt every 200; drop doorbell every 300")
def test_a_trace_has_what_went_wrong_and_what_was_recovered(vm: Vm, trace: Trace, faults: Faults) -> None:
    (run,) = figures(vm.run("bell ring --ktap --count 2000").stdout)
    marks = trace.data
    known = {(request.queue, request.index) for request in trace.requests}
    for wire in ("doorbell", "interrupt"):
        dropped = [fault for fault in marks["faults"] if fault["what"].startswith(f"drop {wire} ")]
        recovered = [each for each in marks["recovered"] if each["what"] == wire]
        assert dropped and len(recovered) == run[f"recovered_{wire}s"] > 0, (marks["recovered"], run)
        for mark in recovered:
            assert (mark["queue"], mark["index"]) in known, mark
    times = [mark["at"] for mark in marks["faults"]]
    assert times == sorted(times)


RINGS_BETWEEN = "for time in 1 2 3 4 5 6 7 8; do bell ring --count 100 || exit; sleep 0.2; done"


@pytest.mark.transport("ivshmem", "vfio-user")
@pytest.mark.fault("freeze guest every 100ms 20ms")
def test_a_trace_has_the_freezes_of_its_guest(vm: Vm, trace: Trace, faults: Faults) -> None:
    assert vm.run(RINGS_BETWEEN).status == 0
    frozen = [fault for fault in trace.data["faults"] if fault["what"].startswith("freeze guest ")]
    assert len(frozen) > 2, trace.data["faults"]
    assert {(fault["queue"], fault["index"]) for fault in frozen} <= {
        (request.queue, request.index) for request in trace.requests}


@pytest.mark.fault("reset guest after 4s")
def test_a_trace_has_the_reset_of_its_guest(vm: Vm, trace: Trace) -> None:
    with pytest.raises(HarnessError, match="the guest was reset meanwhile"):
        vm.run(f"{RINGS_BETWEEN}; sleep {LIMIT}", LIMIT)
    (fault,) = trace.data["faults"]
    assert fault["what"] == "reset guest 1", fault
    assert fault["index"] == trace.requests[-1].index, fault


def test_plans_are_given_before_the_devices_start(lab: Lab, faults: Faults) -> None:
    faults.inject("double doorbell 5")
    faults.inject("stall interrupt 6 1ms", device=0)
    assert lab.boot().run("bell ring --count 20").status == 0
    with pytest.raises(HarnessError, match=r"runs already: inject\(\) before lab.boot\(\)"):
        faults.inject("drop doorbell 1")
    lab.devices[0].stop()
    assert faults.injected() == {"double doorbell 5 100us": 1, "stall interrupt 6 1ms": 1}


def script(name: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([ROOT / "scripts" / name, *words], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=LIMIT)


def test_boot_vm_says_what_was_injected(tmp_path: Path) -> None:
    facts = tmp_path / "facts.json"
    run = script("boot-vm", "--fault", "double interrupt every 10", "--fault", "drop doorbell 9999",
                 "--json", str(facts), "--", "bell", "ring", "--count", "100")
    assert run.returncode == 0, run.stderr
    injected = json.loads(facts.read_text())["faults"]
    assert injected["double interrupt every 10 100us"] >= 5, injected
    assert injected["drop doorbell 9999"] == 0, injected
    assert re.search(r"(?m)^bellwire: faults injected: \d+ by 'double interrupt every 10 100us', "
                     r"0 by 'drop doorbell 9999'$", run.stderr), run.stderr


@pytest.mark.parametrize("transport", ["ivshmem", "vfio-user", "vhost-user"])
def test_boot_vm_resets_its_guest(transport: str, tmp_path: Path) -> None:
    facts = tmp_path / "facts.json"
    run = script("boot-vm", "--transport", transport, "--json", str(facts), "--timeout", str(LIMIT),
                 "--fault", "reset guest after 300ms; freeze guest every 400ms 100ms",
                 "--", "sh", "-c", DISK if transport == "vhost-user" else RINGS)
    assert run.returncode == 0, run.stderr
    found = json.loads(facts.read_text())
    assert found["resets"] == found["faults"]["reset guest after 300ms"] == 1, found
    assert found["faults"]["freeze guest every 400ms 100ms"] > 0, found
    assert found["ktap"] == {"pass": 1, "fail": 0, "skip": 0}, found
    assert "the guest was reset, by 'reset guest after 300ms'; its command begins" in run.stderr


@pytest.mark.parametrize(("plan", "said"), {
    "drop interrupt 1; reset guest 5": "--fault: '5' at character 31: choose after or every",
    "reset guest after 60s": "nothing was injected: the command ended before 'reset guest after 60s'; see"
}.items())
def test_a_plan_of_a_guest_that_fails(plan: str, said: str) -> None:
    run = script("boot-vm", "--fault", plan, "--", "true")
    assert run.returncode in (1, 125), run.stderr
    assert run.stderr.startswith(f"bellwire: {said}"), run.stderr


@pytest.mark.parametrize("recover", ["on", "off"])
def test_a_lost_interrupt_hangs_only_a_driver_that_does_not_look(recover: str) -> None:
    run = script("boot-vm", "--fault", "drop interrupt 1/100", "--", "bell", "ring", "--count", "500",
                 "--recover", recover)
    assert run.returncode == (0 if recover == "on" else 1), run.stderr
    assert ("lost interrupt" in run.stderr) == (recover == "off"), run.stderr


def test_a_plan_that_is_wrong_is_one_line(tmp_path: Path) -> None:
    run = script("boot-vm", "--fault", "drop kick 5", "--run-dir", str(tmp_path / "run"), "--",
                 "true")
    assert run.returncode == 125
    assert re.fullmatch(r"bellwire: device 0 \(echo\) ended with 2: --fault: 'kick' at character 6: "
                        r"choose doorbell, interrupt or completion .*\n", run.stderr), run.stderr


def test_the_demo_bears_faults() -> None:
    well = script("demo", "--count", "200", "--fault", "delay interrupt 1/50 1us..500us")
    assert well.returncode == 0, well.stderr
    assert re.search(r"(?m)^faults injected: [1-9]\d* by 'delay interrupt 1/50 1us\.\.500us'$",
                     well.stdout), well.stdout
    lost = script("demo", "--count", "200", "--fault", "drop interrupt every 50")
    assert lost.returncode == 0, lost.stderr
    assert re.search(r"(?m)^recovered: \d+ doorbells, [1-9]\d* interrupts that had not come$",
                     lost.stdout), lost.stdout
