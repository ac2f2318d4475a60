# SPDX-License-Identifier: BSD-3-Clause
"""The bare wire, the baseline of the benchmarks, carries every ring that it reports."""

from bellwire.bench.rings import BareLab, turns_beside_bare
from bellwire.image import kernel
from bellwire.plugin import Labs
from vmtests.case import Figures, all_completed, boot, finish, vm_config

COUNT, TURNS = 500, 2


def test_one_cpu(labs: Labs) -> None:
    take_turns(labs, kernel.DEFAULT, smp=1)


def test_two_cpus_6_12(labs: Labs) -> None:
    take_turns(labs, "6.12", smp=2)


def take_turns(labs: Labs, version: str, smp: int) -> None:
    lab = labs.add(BareLab(vm_config(version, smp), labs.folder()))
    runs = finish(boot(lab, turns_beside_bare(COUNT, TURNS)), check)
    lab.check()
    assert [run["device"] for run in runs] == ["echo", "bare"] * TURNS


def check(run: Figures) -> None:
    if run["device"] != "bare":
        return all_completed(run)
    assert (run["rings"], run["completions"], run["corrupted"], run["calls"]) == \
        (COUNT, COUNT, 0, COUNT), run
