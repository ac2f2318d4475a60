# SPDX-License-Identifier: BSD-3-Clause
"""The same device, module and guest, rung over each transport, asleep or polling."""

import json
from collections.abc import Callable

from .. import accel, kernel, prepare, qemu, run, toolbox
from ..lab import Lab
from ..places import HarnessError
from ..qemu import Machine
from .suite import Figures, Ratio, Suite

LIMIT = 300.0
DEEP = 64  # requests under way in the deep run,
MORE = 10  # which has so many times the rings


def ring(transport: str = "ivshmem", guest: str = "off", device: str = "off"
         ) -> Callable[[Machine, int], Figures]:
    """`guest` and `device`: how each side polls."""
    def measure(machine: Machine, count: int) -> Figures:
        command = f"bell ring --ktap --poll {guest}"
        with Lab(machine, run.create(), transport=transport,
                 told=("--poll", device)) as lab:
            lab.start()
            vm = lab.vm(["sh", "-c", "exec >/run/bellwire/results; "
                         f"{command} --trace --count {count} && "
                         f"{command} --count {count * MORE} --depth {DEEP}"])
            if death := vm.boot(watch=lab.check):
                raise HarnessError(death.reason)
            verdict = vm.wait(LIMIT)
        if verdict.status:
            raise HarnessError(f"{transport}: {verdict.reason}; see {vm.folder}")
        single, deep = [json.loads(line[2:]) for line in vm.results.path.read_text().splitlines()
                        if line.startswith("# {")]
        return {**{key: value for key, value in single.items() if key.endswith("_us")},
                "deep_us": 1e6 / deep["per_second"],
                "deep_doorbells": deep["doorbells"] / deep["rings"],
                "deep_interrupts": deep["interrupts"] / deep["rings"]}

    return measure


def machine(program: str, shared_memory: bool = False) -> Machine:
    wanted = Machine(prepare.everything(kernel.DEFAULT), qemu=program, shared_memory=shared_memory)
    return wanted.on(accel.choose("auto", wanted, qemu.version(program)))


ASLEEP, POLLING = "asleep", "adaptive polling"
VM = Suite(
    what="a guest's process and a device, asleep or polling, over ivshmem",
    machine=lambda: machine(toolbox.PROGRAM),
    ways={ASLEEP: ring(), POLLING: ring(guest="adaptive", device="adaptive")},
    columns={"p50_us": "round trip, p50 µs", "p99_us": "p99 µs",
             "deep_us": f"µs a request, depth {DEEP}",
             "deep_doorbells": "doorbells a request", "deep_interrupts": "interrupts a request"},
    ratios=(
        Ratio("round trip, polling / asleep", "p50_us", POLLING, ASLEEP, None),
        Ratio(f"a request at depth {DEEP}, polling / asleep", "deep_us", POLLING, ASLEEP, 0.5),
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
