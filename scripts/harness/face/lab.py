# SPDX-License-Identifier: BSD-3-Clause
"""A lab by the words that people know from boot-vm."""

import functools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bellwire.core import runs
from bellwire.image import guest_image, kernel
from bellwire.labs import virtio, wiring
from bellwire.labs.lab import Lab
from bellwire.labs.served import SOCKET, Service
from bellwire.labs.wiring import VECTORS
from bellwire.nested import emulated_host as host, nested_lab
from bellwire.vms import accel, qemu, toolbox
from bellwire.vms.qemu import VmConfig


def lab(devices: Sequence[str] | None = None, *, transport: str = "ivshmem",
        kernel: str = kernel.DEFAULT, accelerator: str = "auto", qemu: str = toolbox.PROGRAM,
        cpus: int = 1, memory: int = 256, cold: bool = False, vectors: int = VECTORS,
        guests: int = 1, device_options: Sequence[str] = (), qemu_args: Sequence[str] = (),
        append: Sequence[str] = (), shared_memory: bool | None = None,
        folder: Path | None = None) -> Lab:
    """A lab to be used in a `with` statement, in which nothing runs yet.

    `devices`: names as boot-vm's --device takes them (echo, blk=64M, edu), or command lines of your
    own programs, with {socket} in them, as its --serve takes them; by default the transport's
    first. `kernel`, `accelerator`, `qemu`, `memory` (MiB), `cold`, `qemu_args` and `append` are
    boot-vm's as well. `guests`: how many VMs the lab has, each with such devices of its own, or with a
    port of the same switch. `device_options`: of `bellwire device`, for each device that is named.
    `shared_memory`: whether devices can map the guest's memory; by default, if the transport needs it.
    `folder`: for the logs; by default a new one in build/runs.

    HarnessError: one of them is unknown, or this machine doesn't have it.
    """
    if devices is None:
        devices = [wiring.split(transport)[0].default]
    named = [word for word in devices if SOCKET not in word]
    services = [Service.parse(word, transport) for word in devices if SOCKET in word]
    wiring.split(transport)  # refuses an unknown one before a device is
    virtio.check(transport, named)
    config = machine(kernel, transport.partition(",")[0], accelerator, qemu, virtio.rings(named))
    config = replace(
        config, smp=cpus, memory=memory, cold=cold, extra=tuple(qemu_args), append=tuple(append),
        shared_memory=config.shared_memory if shared_memory is None else shared_memory)
    return nested_lab.make(config, folder or runs.create(), named, vectors, transport, device_options,
                           services, guests=guests)


def emulated_host(folder: Path) -> Lab:
    """A lab whose guest is the emulated host, without a device: it has /dev/kvm on any machine, and
    its command can be given input."""
    config = host.host(machine(kernel.DEFAULT, "ivshmem", "tcg", toolbox.PROGRAM))
    return Lab(replace(config, outer=True), folder, devices=())


@functools.cache
def machine(version: str, transport: str, accelerator: str, program: str, rings: bool = False
            ) -> VmConfig:
    """A machine with that kernel, for that transport, and for ring devices on it. Builds, fetches
    and proves what it takes."""
    program = toolbox.chosen(program, transport, rings)
    config = VmConfig(guest_image.prepare(version), qemu=program,
                      shared_memory=wiring.split(transport)[0].shared_memory)
    return config.on(accel.choose(accelerator, config, qemu.version(program)))
