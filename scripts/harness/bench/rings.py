# SPDX-License-Identifier: BSD-3-Clause
"""The same device, module and guest, rung over each transport, asleep or polling, and bare."""

import json
from collections.abc import Callable, Mapping, Sequence
from statistics import median

from .. import accel, bare, kernel, prepare, qemu, run, toolbox
from ..lab import Lab
from ..places import HarnessError
from ..qemu import Machine
from ..recorder import Recorder
from . import pins
from .suite import Figures, Ratio, Suite

LIMIT = 300.0
DEEP = 64  # requests under way in the deep run,
MORE = 30  # which has so many times the rings
TURNS = 20  # beside a bare wire,
PART = 5  # of the rings in each: so long that a process's start is forgotten


def ring(transport: str = "ivshmem", guest: str = "off", device: str = "off",
         recorded: bool = False) -> Callable[[Machine, int], Figures]:
    """`guest` and `device`: how each side polls."""
    def measure(machine: Machine, count: int) -> Figures:
        command = f"bell ring --ktap --poll {guest}"
        with Lab(machine, run.create(), transport=transport,
                 told=("--poll", device)) as lab:
            alone, deep = _run(lab, f"{command} --trace --count {count} && "
                                    f"{command} --count {count * MORE} --depth {DEEP}", recorded)
        return {**_times(alone), "deep_us": 1e6 / deep["per_second"],
                "deep_doorbells": deep["doorbells"] / deep["rings"],
                "deep_interrupts": deep["interrupts"] / deep["rings"]}

    return measure


def beside_bare(machine: Machine, count: int) -> Mapping[str, Figures]:
    """Turns in one VM meet the same of all that differs from one VM to the next."""
    with bare.BareLab(machine, run.create()) as lab:
        told = _run(lab, bare.turns(max(count // PART, 1), TURNS))
    return {way: _middle([turn for turn in told if turn["device"] == device])
            for device, way in (("echo", BESIDE), ("bare", BARE))}


def _run(lab: Lab, command: str, recorded: bool = False) -> list[dict]:
    """What each part of the guest's command told."""
    lab.start()
    if recorded:
        recorder = Recorder(lab.devices[0], lab.folder / "trace.json")
        recorder.start()
    vm = lab.vm(["sh", "-c", f"exec >/run/bellwire/results; {command}"])
    if death := vm.boot(watch=lab.check):
        raise HarnessError(death.reason)
    pins.pin(lab, vm)
    verdict = vm.wait(LIMIT)
    if recorded:
        recorder.stop()
    if verdict.status:
        raise HarnessError(f"'{command}': {verdict.reason}; see {vm.folder}")
    return [json.loads(line[2:]) for line in vm.results.path.read_text().splitlines()
            if line.startswith("# {")]


def _times(told: dict) -> Figures:
    return {key: value for key, value in told.items() if key.endswith("_us")}


def _middle(turns: Sequence[dict]) -> Figures:
    return {key: median(turn[key] for turn in turns) for key in _times(turns[0])}


def machine(program: str, shared_memory: bool = False) -> Machine:
    wanted = Machine(prepare.everything(kernel.DEFAULT), qemu=program, shared_memory=shared_memory)
    return wanted.on(accel.choose("auto", wanted, qemu.version(program)))


ASLEEP, POLLING = "asleep", "adaptive polling"
RECORDED = "asleep, every request recorded"
BESIDE, BARE = "asleep, in turn with bare C", "bare C at both ends, a bare module"
VM = Suite(
    what="a guest's process and a device, asleep or polling, over ivshmem; and a bare wire",
    machine=lambda: machine(toolbox.PROGRAM),
    ways={ASLEEP: ring(), POLLING: ring(guest="adaptive", device="adaptive"),
          RECORDED: ring(recorded=True)},
    together=beside_bare,
    facts=pins.facts,
    columns={"p50_us": "round trip, p50 µs", "p99_us": "p99 µs",
             "deep_us": f"µs a request, depth {DEEP}",
             "deep_doorbells": "doorbells a request", "deep_interrupts": "interrupts a request"},
    ratios=(
        Ratio("round trip, asleep / bare C", "p50_us", BESIDE, BARE, 1.10),
        Ratio("round trip, polling / asleep", "p50_us", POLLING, ASLEEP, None),
        Ratio(f"a request at depth {DEEP}, polling / asleep", "deep_us", POLLING, ASLEEP, 0.5),
        Ratio(f"a request at depth {DEEP}, recorded / not", "deep_us", RECORDED, ASLEEP, 1.1),
        Ratio(f"doorbells a request at depth {DEEP}", "deep_doorbells", ASLEEP, None, 1 / 32),
        Ratio(f"interrupts a request at depth {DEEP}", "deep_interrupts", ASLEEP, None, 1 / 32),
    ))

IVSHMEM, POSTED = "ivshmem", "posted doorbells"
ADAPTIVE, AWAKE = "doorbell page, adaptive", "doorbell page, always polled"
POSTED_LOOKS, AWAKE_LOOKS = f"{POSTED}, the guest looks", f"{AWAKE}, the guest looks"
VFIO_USER = Suite(
    what="the same guest and device over ivshmem and vfio-user",
    machine=lambda: machine(toolbox.find(toolbox.VFIO_USER, "vfio-user-pci"), True),
    ways={IVSHMEM: ring(), POSTED: ring("vfio-user"), ADAPTIVE: ring("vfio-user,page=1"),
          AWAKE: ring("vfio-user,page=1,awake=1"),
          POSTED_LOOKS: ring("vfio-user", guest="adaptive"),
          AWAKE_LOOKS: ring("vfio-user,page=1,awake=1", guest="adaptive")},
    facts=pins.facts,
    columns={"kick_p50_us": "kick, p50 µs", "hop_p50_us": "doorbell to interrupt, p50 µs",
             "p50_us": "round trip, p50 µs", "p99_us": "p99 µs",
             "deep_us": f"µs a request, depth {DEEP}"},
    ratios=(
        Ratio("doorbell to interrupt, posted / ivshmem", "hop_p50_us", POSTED, IVSHMEM, 1.2),
        Ratio("the guest's kick, page / posted", "kick_p50_us", AWAKE, POSTED, 0.5),
        Ratio("doorbell to answer, without an interrupt, page / posted", "p50_us", AWAKE_LOOKS,
              POSTED_LOOKS, 0.5),
        Ratio("doorbell to interrupt, page / posted", "hop_p50_us", AWAKE, POSTED, None),
        Ratio("round trip, posted / ivshmem", "p50_us", POSTED, IVSHMEM, 1.2),
        Ratio("round trip, page / posted", "p50_us", AWAKE, POSTED, None),
        Ratio("round trip, adaptive page / posted", "p50_us", ADAPTIVE, POSTED, None),
    ))
