# SPDX-License-Identifier: BSD-3-Clause
"""A lab: a switchboard, devices and VMs that start together and end together.

    with Lab(config, folder, devices=("echo", "digest")) as lab:
        vm = lab.boot(["bell", "info"])
        lab.devices[0].kill()            # SIGKILL, in full traffic
        lab.devices[0].start()           # the same wires again
        verdict = vm.wait(60)

Each VM has one slot per device name, and so one /dev/bellwireN, or a virtio device; with `guests` >
1 the second VM has the next slots and devices of its own. QEMU takes the lowest free slot, so boot the VMs in the
order in which they were made. Use a lab from the main thread only (core/children.py says why).
"""

import json
import shlex
import socket
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from bellwire.core import runs
from bellwire.core.places import HarnessError, write
from bellwire.image import modules, overlay
from bellwire.image.cpio import Archive
from bellwire.image.modules import Own
from bellwire.image.overlay import Share
from bellwire.labs import extras, findings, guest_faults, virtio, wiring
from bellwire.labs.extras import Extra
from bellwire.labs.findings import Findings
from bellwire.labs.guest_faults import GuestFaults, Plan
from bellwire.labs.processes import Device, Process, Switchboard
from bellwire.labs.served import Program, Service
from bellwire.labs.trace import Trace
from bellwire.labs.virtio import Choice, Kind
from bellwire.labs.wiring import VECTORS, Place, Wiring
from bellwire.vms import plugs
from bellwire.vms.plugs import Plug
from bellwire.vms.qemu import MAX_WIRES, VmConfig
from bellwire.vms.qmp import QmpError
from bellwire.vms.session import SHELL, Session
from bellwire.vms.vm import BOOT_LIMIT, Vm

PLACE = "\0"  # stands for the private folder's path; no argument contains this byte
NO_WIRES = Wiring(None, [], lambda number, slot: Plug(slot))


class Lab:
    _ports: Sequence[str] = ()  # that its VMs have beyond init's own

    def __init__(self, config: VmConfig, folder: Path, devices: Sequence[str] = ("echo",),
                 guests: int = 1, vectors: int = VECTORS,
                 transport: str = "ivshmem", device_options: Sequence[str] = (),
                 services: Sequence[Service] = (), extras: Sequence[Extra] = (),
                 faults: Sequence[str] = ()) -> None:
        wires = len(devices) + len(services) + len(extras)
        if wires > MAX_WIRES:
            raise HarnessError(f"{wires} devices: a guest takes {MAX_WIRES} at most")
        assert guests == 1 or not services and not extras, "these are of one guest"
        self.config = config
        self.folder = folder
        self.vms: list[Vm] = []
        self._choices = [virtio.choose(word) for word in devices] * guests
        self._slots, self._vectors = len(devices), vectors
        self._transport_name = transport.partition(",")[0]
        self._transport, self._words = wiring.split(transport)
        self._services, self._extras = services, extras
        self.programs: list[Program] = []  # of the services
        self._device_options = device_options
        self._faults = faults
        self._plans: list[Plan] = []
        self._guest_faults: list[GuestFaults] = []
        self._wiring = NO_WIRES
        self._started = False
        self._open = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            self.private = opening.enter_context(runs.private_folder())
            self._place = Place(self.folder, self.private, self._vectors, self.config.smp,
                                self._words, self.config.qemu)
            if self._choices:
                self._wiring = self._transport.wire(self._place, self._choices)
                for device in self.devices:
                    device.add_options(self._device_options)
            for plan in self._faults:
                self.inject(plan, self.devices)
            self.programs = wiring.serve(self._place, self._transport_name, self._services)
            opening.callback(self._stop)
            self._open = opening.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    @property
    def processes(self) -> list[Process]:
        return [*self._wiring.processes, *self.programs]

    @property
    def devices(self) -> list[Device]:
        return self._wiring.devices

    @property
    def switchboard(self) -> Switchboard | None:
        return self._wiring.switchboard

    def inject(self, plan: str, devices: Sequence[Device]) -> None:
        """What goes wrong on purpose (docs/faults.md): with these devices from their next start on,
        with guests from now on."""
        parts = guest_faults.split(plan)
        if parts.guest and self.config.nested:
            raise HarnessError(f"--fault '{parts.guest[0]}': the guest of an emulated host can't be "
                               "reached; leave it out, or choose another --accel")
        if parts.guest:
            self._plans.append(parts)
            self._guest_faults = [self._faults_of(number) for number in range(len(self.vms))]
        if parts.device:
            for device in devices:
                device.add_options(["--fault", parts.device])

    def _faults_of(self, number: int) -> GuestFaults:
        """What happens to that VM; it stands in the traces of its devices."""
        devices = self.devices[number * self._slots:][:self._slots]

        def note(fault: str) -> None:
            for device in devices:
                device.note(fault)

        return GuestFaults(self.vms[number], self._plans, note)

    def supervise(self) -> None:
        """From now on, a device that a signal ends is started again, as by a plan's crash."""
        if self._transport_name != "ivshmem" or self.config.nested:
            raise HarnessError("--restart: only over ivshmem, outside of an emulated host, a device can "
                               "be started again under its guest: leave it out, or choose that")
        for device in self.devices:
            device.supervised = True

    def start(self) -> None:
        """Starts the switchboard, then the devices."""
        self._started = True
        for process in self.processes:
            process.start()

    def _stop(self) -> None:
        for process in reversed(self.processes):
            process.stop()

    def check(self) -> None:
        """Carries out what is due of the faults of guests. Raises if the switchboard or a device has
        ended by itself, or if QEMU waits for a program that does not connect to it."""
        for process in self.processes:
            process.check()
        for faults in self._guest_faults:
            faults.follow(time.monotonic())
        if any(vm.plugging for vm in self.vms):
            for program in self.programs:
                program.check_connects()
        elif self.vms and all(vm.ready for vm in self.vms):
            for program in self.programs:
                program.settle()

    def check_logs(self) -> None:
        """Raises if a log of one of them has grown past its limit."""
        for process in self.processes:
            process.bounded.check()

    def boot(self, command: Sequence[str] = (), limit: float | None = BOOT_LIMIT,
             drivers: Sequence[str] = (), own: Sequence[Own] = (), shares: Sequence[Share] = (),
             environment: Mapping[str, str] = {}, start: bool = True) -> Vm:
        """Starts the devices, if they don't run yet, and boots a VM with that command; without one,
        Vm.run() runs some in it. `drivers`: modules of its kernel to load; `own`: modules of yours;
        `shares`: folders to copy into it; `start`: False leaves the devices to the caller.
        HarnessError: it doesn't come up."""
        if start and not self._started:
            self.start()
        session = Session(self.check) if not command and self.config.reads else None
        if not command and not session:
            raise HarnessError("the guest of an emulated host reads no input, so it can't run() "
                               "commands: boot it with its command")
        vm = self.vm(command or SHELL, environment, shares, drivers=drivers, own=own,
                     stdin=session.peer if session else None)
        vm.session = session
        if death := vm.boot(limit, self.check):
            raise HarnessError(death.reason)
        return vm

    def trace(self, device: int = 0) -> Trace:
        """A recording of that device's requests, not started yet."""
        if device >= len(self.devices):
            raise HarnessError(f"device {device} can't be recorded: this lab has {len(self.devices)} "
                               "of ours, and only these are recorded")
        number = len(list(self.folder.glob("trace*.json"))) + 1
        path = self.folder / f"trace{'' if number == 1 else f'-{number}'}.json"
        return Trace(self.devices[device], path, {"accelerator": self.config.accel})

    def record(self, folder: Path) -> list[Path]:
        """From its next start on, each device keeps all that crosses between it and its guest, for
        `bellwire replay`: in these files of `folder`, which is made."""
        folder.mkdir(parents=True, exist_ok=True)
        files = [folder.absolute() / f"device-{number}.rec" for number in range(len(self.devices))]
        for device, file in zip(self.devices, files):
            device.add_options(["--record", str(file)])
        return files

    def findings(self) -> Findings:
        """What went wrong so far; complete once the lab has ended."""
        return findings.find(self.devices, self.vms, self.processes,
                             [faults.counts() for faults in self._guest_faults])

    def restart_programs(self, vm: Vm) -> None:
        """Ends each service's program and starts it again. Where QEMU doesn't connect again, the
        device is unplugged meanwhile. Raises if QEMU refuses, or dies."""
        for program in self.programs:
            try:
                self._restart(program, vm)
            except QmpError as error:
                raise HarnessError(f"{program.what} can't be plugged in again: {error}; QEMU's log: "
                                   f"{vm.folder}/qemu.log") from None

    def _restart(self, program: Program, vm: Vm) -> None:
        if wiring.survives(self._transport_name, self._words, program.kind):
            program.restart()
        else:
            vm.replug(self._slots + program.number, program.restart, self.check)

    def vm(self, command: Sequence[str] = (), environment: Mapping[str, str] = {},
           shares: Sequence[Share] = (), terminal: bool = False, extra_files: Archive | None = None,
           drivers: Sequence[str] = (), own: Sequence[Own] = (),
           stdin: socket.socket | None = None) -> Vm:
        """A VM to boot. The first has its files in the lab's folder, others in vm-2, vm-3, …
        The guest gets `extra_files` with its command, and loads `drivers`, which are modules of its
        kernel, and those of its virtio devices, before it binds its wires. `stdin`: QEMU's end of a
        socket from which the command reads; it reads nothing otherwise."""
        folder = self.folder / f"vm-{len(self.vms) + 1}" if self.vms else self.folder
        folder.mkdir(exist_ok=True)
        plugs = [self._wiring.plug(len(self.vms) * self._slots + slot, slot)
                 for slot in range(self._slots)]
        for number, service in enumerate(self._services):
            plugs.append(wiring.served_plug(self._place, self._transport_name, service, number,
                                            len(plugs)))
        plugs += [extra.plug(len(plugs) + number) for number, extra in enumerate(self._extras)]
        packed = folder / "overlay.cpio"
        loaded = self._modules(drivers, own)
        write(packed, overlay.overlay(command, environment, shares, terminal, self._wires(),
                                      self._ports, extra_files, loaded,
                                      {module.file: module.parameters for module in own},
                                      extras.around(self._extras), bool(stdin)))
        vm = self._make_vm(folder, packed, plugs, terminal, stdin)
        write(folder / "qemu.sh", self._script(vm))
        self.vms.append(vm)
        self._guest_faults.append(self._faults_of(len(self.vms) - 1))
        self._open.callback(vm.close)
        return vm

    def _kinds(self) -> list[Kind]:
        """Of the virtio devices in a guest that are no extras."""
        named: list[Choice | Service] = [*self._choices[:self._slots], *self._services]
        return [one.kind for one in named if one.kind]

    def _modules(self, drivers: Sequence[str], own: Sequence[Own]) -> list[Path]:
        """Those that a guest loads, in their order."""
        wanted = [*(name for kind in self._kinds() for name in kind.modules),
                  *(name for extra in self._extras for name in extra.modules), *drivers]
        folder = self.config.image.modules
        for module in own:
            module.check(self.config.image.release)
        return modules.with_own(modules.stock(dict.fromkeys(wanted), folder), own, folder)

    def _wires(self) -> overlay.Wires:
        choices = self._choices[:self._slots]
        ours = sum(self._transport.module and wiring.driven_by_module(choice, self._words)
                   for choice in choices)
        virtio = len(self._kinds()) + sum(extra.virtio for extra in self._extras)
        all_wires = len(choices) + len(self._services) + len(self._extras)
        return overlay.Wires(ours, virtio, all_wires - ours - virtio)

    def _make_vm(self, folder: Path, overlay: Path, plugs: Sequence[Plug], terminal: bool,
                 stdin: socket.socket | None) -> Vm:
        return Vm(self.config, folder, overlay, plugs, terminal, stdin=stdin)

    def _script(self, vm: Vm) -> str:
        return shell_script(vm, self.private, self.processes)


def shell_script(vm: Vm, private: Path, processes: Sequence[Process]) -> str:
    """The commands that start by hand what the run started. In place of the run's private folder,
    the script creates one of its own."""

    def words(argv: Sequence[str]) -> str:
        return " ".join(word(argument) for argument in argv)

    def word(argument: str) -> str:
        # The path may stand in QEMU's options, where commas are doubled, and in JSON.
        for name in (plugs.value(private), json.dumps(str(private))[1:-1], str(private)):
            argument = argument.replace(name, PLACE)
        return '"$private"'.join(shlex.quote(part) if part else "" for part in
                                 argument.split(PLACE)) or "''"

    lines = [
        "#!/bin/sh",
        # In /tmp, so that its path needs no quoting in QEMU's options or in JSON.
        "private=$(mktemp -d /tmp/bellwire-XXXXXX) || exit",
        "trap 'kill $pids 2>/dev/null; wait; rm -r \"$private\"' EXIT",
    ]
    for process in processes:
        lines += [f"{words(process.argv)} &", 'pids="$pids $!"']
        if process.socket:
            lines.append(f"until [ -S {words([str(process.socket)])} ]; do sleep 0.1; done")
    lines.append(" \\\n    ".join(words(group) for group in vm.line))
    return "\n".join(lines) + "\n"
