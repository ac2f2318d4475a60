# SPDX-License-Identifier: BSD-3-Clause
"""Plans of faults with Linux's driver of ours: what costs only time loses nothing, and what is lost
is found and named."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from bellwire.core.places import ROOT, HarnessError
from bellwire.labs.lab import Lab
from bellwire.labs.processes import Process
from bellwire.plugin.run import Faults
from bellwire.report import logs
from bellwire.vms.vm import Vm

HARMLESS = ("delay interrupt 1/20 50us..2ms; delay doorbell 1/20 50us..2ms; double interrupt 1/20; "
            "double doorbell 1/20; merge interrupt 1/20; merge doorbell 1/20; "
            "reorder interrupt 1/20; reorder doorbell 1/20; invent interrupt 1ms..5ms; "
            "invent doorbell 1ms..5ms; stall doorbell 700 50ms; seed 42")
LIMIT = 300.0  # for a command
# At depth 1 each request has a doorbell and an interrupt, and nobody looks by itself.
LOST = "drop doorbell 50; drop interrupt 150; misroute doorbell 250; misroute interrupt 350"


@pytest.mark.transport("ivshmem", "vfio-user")
@pytest.mark.fault(HARMLESS)
def test_what_costs_only_time_loses_nothing(vm: Vm, device: Process, faults: Faults) -> None:
    ring = vm.run("bell ring --worker all --count 1000")
    assert ring.status == 0, ring
    device.stop()
    injected = faults.injected()
    assert len(injected) == 11 and all(injected.values()), injected


@pytest.mark.transport("ivshmem", "vfio-user")
@pytest.mark.fault(LOST)
def test_what_is_lost_is_found_and_named(vm: Vm, device: Process, faults: Faults) -> None:
    faults.expect("lost doorbell")
    faults.expect("lost interrupt")
    ring = vm.run("bell ring --count 500")
    assert ring.status == 1, ring
    device.stop()
    assert set(faults.injected().values()) == {1}, faults.injected()
    found = [hang.rpartition(": ")[2] for hang in logs.hangs(device.log)]
    assert sorted(found) == ["lost doorbell"] * 2 + ["lost interrupt"] * 2, found


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


def test_a_plan_that_is_wrong_is_one_line(tmp_path: Path) -> None:
    run = script("boot-vm", "--fault", "drop kick 5", "--run-dir", str(tmp_path / "run"), "--",
                 "true")
    assert run.returncode == 125
    assert re.fullmatch(r"bellwire: device 0 \(echo\) ended with 2: --fault: 'kick' at character 6: "
                        r"choose doorbell or interrupt .*\n", run.stderr), run.stderr


def test_the_demo_bears_faults_and_names_losses() -> None:
    well = script("demo", "--count", "200", "--fault", "delay interrupt 1/50 1us..500us")
    assert well.returncode == 0, well.stderr
    assert re.search(r"(?m)^faults injected: [1-9]\d* by 'delay interrupt 1/50 1us\.\.500us'$",
                     well.stdout), well.stdout
    lost = script("demo", "--count", "200", "--fault", "drop interrupt 50")
    assert lost.returncode == 1, lost.stdout
    assert "faults injected: 1 by 'drop interrupt 50'\n" in lost.stdout
    assert re.search(r"request \d+: .*: lost interrupt", lost.stderr), lost.stderr
