# SPDX-License-Identifier: BSD-3-Clause
"""The same device, module and guest, rung over each transport, asleep or polling, and bare.

The guest's CPUs have a host CPU of their own, and all else of its QEMU and the devices the others,
so that no round trip depends on where the scheduler put a thread. On a host with one CPU nothing is
pinned.
"""

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from bellwire.bench.suite import Figures, Ratio, Suite, medians
from bellwire.core import runs
from bellwire.core.places import BARE_PEER, HarnessError
from bellwire.image import guest_image, kernel
from bellwire.labs.lab import Lab
from bellwire.labs.processes import Process, Recorder
from bellwire.vms import accel, qemu, toolbox
from bellwire.vms.qemu import VmConfig
from bellwire.vms.vm import Vm

LIMIT = 300.0
DEEP = 64  # requests under way in the deep run
MORE = 30  # times as many rings in the deep run
PARTS = 10  # of the deep run: each so long that the start of its process does not count
TURNS = 20  # of each of two ways in one VM
PART = 5  # the turns beside a bare wire have 1/5 of the rings
PAUSE = 0.3  # seconds between turns, while a recorder comes or goes
RESTART = 1.0  # while a device is started anew
BARE_SLOT = 1  # of the bare wire; the other is the echo's
_LIKE_BARE = "--payload 56"  # `bell ring` then carries as much as bare-ring

_TAKE_WIRE = (f"wire=$(readlink -f /sys/class/misc/bellwire{BARE_SLOT}/device) && "
              'echo "${wire##*/}" >/sys/bus/pci/drivers/bellwire/unbind && '
              "insmod /lib/modules/bare_wire.ko")


def ring(transport: str = "ivshmem", guest: str = "off", device: str = "off"
         ) -> Callable[[VmConfig, int], Figures]:
    """`guest` and `device`: how each side polls."""
    def measure(config: VmConfig, count: int) -> Figures:
        poll = f"--poll {guest}"
        with Lab(config, runs.create(), transport=transport,
                 device_options=("--poll", device)) as lab:
            alone, *parts = _run(lab, f"bell ring --ktap --trace {poll} --count {count} && "
                                      f"{_turns(PARTS, f'{_deep(count)} {poll}')}")
        return {**_times(alone), **medians([_of_deep(part) for part in parts])}

    return measure


class BarePeer(Process):
    program = BARE_PEER

    def __init__(self, folder: Path, socket: Path) -> None:
        super().__init__("the bare peer", folder / "peer.log", str(socket), str(BARE_SLOT))


class BareLab(Lab):
    """A lab with a bare wire (guest-kmod/bare) beside an echo device, as a baseline."""

    def __init__(self, config: VmConfig, folder: Path) -> None:
        super().__init__(config, folder, devices=("echo", "bare"))

    def __enter__(self) -> Self:
        super().__enter__()
        self._peer = BarePeer(self.folder, self.private / "socket")
        return self

    @property
    def processes(self) -> list[Process]:
        switchboard, echo, _ = super().processes
        return [switchboard, echo, self._peer]


def beside_bare(config: VmConfig, count: int) -> Mapping[str, Figures]:
    """In turn in one VM, since figures differ from one VM to the next."""
    with BareLab(config, runs.create()) as lab:
        figures = _run(lab, turns_beside_bare(max(count // PART, 1), TURNS))
    return {way: medians([_times(turn) for turn in figures if turn["device"] == device])
            for device, way in (("echo", BESIDE), ("bare", BARE))}


def beside_recorded(config: VmConfig, count: int) -> Mapping[str, Figures]:
    """In every second turn all requests are recorded."""
    with Lab(config, runs.create()) as lab:
        recorder = Recorder(lab.devices[0], lab.folder / "trace.json")
        figures = _run(lab, _turns(2 * TURNS, f"{_deep(count)} && sleep {PAUSE}"),
                       lambda turns: recorder.drop() if turns % 2 == 0 else recorder.start())
    return {way: medians([_of_deep(turn) for turn in figures[first::2]])
            for first, way in enumerate((UNRECORDED, RECORDED))}


def beside_kept(config: VmConfig, count: int) -> Mapping[str, Figures]:
    """In every second turn the device, which is started anew for each, keeps all for a replay."""
    with Lab(config, runs.create()) as lab:
        device, plain, kept = lab.devices[0], lab.devices[0].argv, lab.private / "echo.rec"

        def change(turns: int) -> None:
            device.stop()
            device.argv = [*plain, *(["--record", str(kept)] if turns % 2 else [])]
            device.start()
            pin(lab, lab.vms[0])

        figures = _run(lab, _turns(TURNS, f"{_deep(count)} && sleep {RESTART}"), change)
        if kept.stat().st_size < figures[-1]["rings"]:
            raise HarnessError(f"nothing was recorded: {kept} has {kept.stat().st_size} bytes")
    return {way: medians([_of_deep(turn) for turn in figures[first::2]])
            for first, way in enumerate((NOT_KEPT, KEPT))}


def turns_beside_bare(count: int, times: int) -> str:
    """The guest's command: `times` turns of `count` rings on either wire, one at a time."""
    return (f"{_TAKE_WIRE} && for turn in $(seq {times}); do "
            f"bell ring --ktap {_LIKE_BARE} --count {count} && bare-ring {count} || exit; done")


def _deep(count: int) -> str:
    return f"bell ring --ktap --count {max(count * MORE // PARTS, 1)} --depth {DEEP}"


def _turns(times: int, command: str) -> str:
    return f"for turn in $(seq {times}); do {command} || exit; done"


def _run(lab: Lab, command: str, after: Callable[[int], None] = lambda turns: None
         ) -> list[dict[str, Any]]:
    """The figures of each part of the guest's command; calls `after` when a part has ended."""
    lab.start()
    vm = lab.vm(["sh", "-c", f"exec >/run/bellwire/results; {command}"])
    if death := vm.boot(watch=lab.check):
        raise HarnessError(death.reason)
    pin(lab, vm)
    turns = 0

    def look() -> None:
        nonlocal turns
        if len(_figures(vm)) > turns:
            after(turns := turns + 1)

    verdict = vm.wait(LIMIT, look)
    if verdict.status:
        raise HarnessError(f"'{command}': {verdict.reason}; see {vm.folder}")
    return [json.loads(line[2:]) for line in _figures(vm)]


def _figures(vm: Vm) -> list[str]:
    lines = vm.results.path.read_text().splitlines(keepends=True)
    return [line for line in lines if line.startswith("# {") and line.endswith("\n")]


def _times(figures: dict[str, Any]) -> Figures:
    return {key: value for key, value in figures.items() if key.endswith("_us")}


def _of_deep(figures: dict[str, Any]) -> Figures:
    return {"deep_us": 1e6 / figures["per_second"],
            **{f"deep_{what}": figures[what] / figures["rings"]
               for what in ("doorbells", "interrupts")}}


def vm_config(program: str, shared_memory: bool = False) -> VmConfig:
    image = guest_image.prepare(kernel.DEFAULT)
    config = VmConfig(image, qemu=program, shared_memory=shared_memory)
    return config.on(accel.choose("auto", config, qemu.version(program)))


def pin(lab: Lab, vm: Vm) -> None:
    """Pins the threads of a VM that is up, and those of its lab."""
    guest, others = _cpus()
    if not others:
        return
    guests = vm.cpu_threads()
    for process in (vm.pid, *(process.pid for process in lab.processes)):
        for thread in _threads(process):
            os.sched_setaffinity(thread, guest if thread in guests else others)


def pinned_cpus() -> dict[str, str]:
    """The facts about it, by the names that bellwire's own suites use."""
    guest, others = _cpus()
    return {"guest_runs_on": _names(guest), "device_runs_on": _names(others)} if others else {}


def _cpus() -> tuple[Sequence[int], Sequence[int]]:
    first, *others = sorted(os.sched_getaffinity(0))
    return [first], others


def _threads(process: int | None) -> Iterable[int]:
    return map(int, os.listdir(f"/proc/{process}/task")) if process else ()


def _names(cpus: Iterable[int]) -> str:
    return "CPU " + ", ".join(map(str, cpus))


ASLEEP, POLLING = "asleep", "adaptive polling"
UNRECORDED, RECORDED = "asleep, in turn with recorded ones", "asleep, every request recorded"
NOT_KEPT, KEPT = "asleep, in turn with one that keeps all", "asleep, all is kept for a replay"
BESIDE, BARE = "asleep, in turn with bare C", "bare C at both ends, a bare module"
VM = Suite(
    what="a guest's process and a device over ivshmem; and a bare wire",
    config=lambda: vm_config(toolbox.PROGRAM),
    ways={ASLEEP: ring(), POLLING: ring(guest="adaptive", device="adaptive")},
    together=(beside_bare, beside_recorded, beside_kept),
    facts=pinned_cpus,
    columns={"p50_us": "round trip, p50 µs", "p99_us": "p99 µs",
             "deep_us": f"µs per request, depth {DEEP}",
             "deep_doorbells": "doorbells per request",
             "deep_interrupts": "interrupts per request"},
    ratios=(
        Ratio("round trip, asleep / bare C", "p50_us", BESIDE, BARE, 1.10),
        Ratio("round trip, polling / asleep", "p50_us", POLLING, ASLEEP, None),
        Ratio(f"time per request at depth {DEEP}, polling / asleep", "deep_us", POLLING, ASLEEP,
              0.5),
        Ratio(f"time per request at depth {DEEP}, recorded / not", "deep_us", RECORDED,
              UNRECORDED, 1.1),
        Ratio(f"time per request at depth {DEEP}, kept for a replay / not", "deep_us", KEPT,
              NOT_KEPT, 1.1),
        Ratio(f"doorbells per request at depth {DEEP}", "deep_doorbells", ASLEEP, None, 1 / 32),
        Ratio(f"interrupts per request at depth {DEEP}", "deep_interrupts", ASLEEP, None, 1 / 32),
    ))

IVSHMEM, POSTED = "ivshmem", "posted doorbells"
ADAPTIVE, AWAKE = "doorbell page, adaptive", "doorbell page, always polled"
POSTED_LOOKS, AWAKE_LOOKS = f"{POSTED}, the guest looks", f"{AWAKE}, the guest looks"
VFIO_USER = Suite(
    what="guest and device over ivshmem and vfio-user",
    config=lambda: vm_config(toolbox.find(toolbox.VFIO_USER, "vfio-user-pci"), True),
    ways={IVSHMEM: ring(), POSTED: ring("vfio-user"), ADAPTIVE: ring("vfio-user,page=1"),
          AWAKE: ring("vfio-user,page=1,awake=1"),
          POSTED_LOOKS: ring("vfio-user", guest="adaptive"),
          AWAKE_LOOKS: ring("vfio-user,page=1,awake=1", guest="adaptive")},
    facts=pinned_cpus,
    columns={"kick_p50_us": "kick, p50 µs", "hop_p50_us": "doorbell to interrupt, p50 µs",
             "p50_us": "round trip, p50 µs", "p99_us": "p99 µs",
             "deep_us": f"µs per request, depth {DEEP}"},
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
