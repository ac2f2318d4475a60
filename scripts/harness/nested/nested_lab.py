# SPDX-License-Identifier: BSD-3-Clause
"""A VM on real KVM, on machines without it: its QEMU runs in an emulated host.

    this machine    QEMU, emulation, a CPU with SVM
    emulated host       switchboard, devices, QEMU -accel kvm   on Debian's kernel
    guest                   the module, the command             on Debian's kernel

The host is a guest like any other (emulated_host.py). Its command starts the same processes, by the
same command lines, at the same paths, as Lab and Vm do on a machine with a working KVM. In place of
each file of the run's folder that they write, the host has a link to a virtio port, behind which is
the file on this machine. So Vm reads the guest's output as usual.
"""

import re
import shlex
import socket
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Self

from bellwire.core.growing import LineReader
from bellwire.core.places import HarnessError, write
from bellwire.image import overlay, programs
from bellwire.labs.extras import Extra
from bellwire.labs.lab import Lab, shell_script
from bellwire.labs.processes import Process
from bellwire.labs.served import Service
from bellwire.nested import emulated_host
from bellwire.nested.emulated_host import METER_PORT, Meter
from bellwire.report.logs import last_line
from bellwire.vms import qemu
from bellwire.vms.plugs import Plug
from bellwire.vms.qemu import VmConfig
from bellwire.vms.verdict import Verdict
from bellwire.vms.vm import Vm

_ENDED = re.compile(r"(\d{1,3}) (\d{1,3})")
GOODBYE = 20.0  # seconds for the host to power off after its guest; it takes 0.3


class NestedVm(Vm):
    """A VM in an emulated host. `processes` run beside it there; the last of them is the meter."""

    def __init__(self, config: VmConfig, folder: Path, overlay: Path, plugs: Sequence[Plug],
                 processes: Sequence[Process], meter: Meter) -> None:
        inner = replace(config, qemu=str(programs.find(config.qemu)))  # no $PATH to find it there
        super().__init__(meter.on(inner), folder, overlay, plugs)
        self._processes = processes
        self._meter = meter
        self._links = {f"guest.{path.name}": path for path in self._files()}
        self._host_config = emulated_host.host(config)
        self._host_folder = folder / "host"
        self._host_folder.mkdir(exist_ok=True)
        write(self._host_folder / "overlay.cpio", self._host_overlay())
        self.host = self._new_host()

    @property
    def consoles(self) -> list[Path]:
        return [self.console, self.host.console]

    def pause(self) -> None:
        self.host.pause()

    def resume(self) -> None:
        self.host.resume()

    def poll(self) -> Verdict | None:
        """Waits for the host's end, when everything that the guest wrote is on this machine."""
        verdict = super().poll()
        if verdict and verdict.command_status is not None:
            self.until(lambda: False, GOODBYE)
        return verdict

    def _spawn(self, line: qemu.CommandLine, terminal: bool, inherited: Sequence[int]
               ) -> "NestedQemu":
        self.host.close()
        self.host = self._new_host()
        if death := self.host.boot():
            raise HarnessError(f"the emulated host: {death.reason}")
        return NestedQemu(self.host, self._processes)

    def _new_host(self) -> Vm:
        return Vm(self._host_config, self._host_folder, self._host_folder / "overlay.cpio",
                  ports=self._links)

    def _files(self) -> list[Path]:
        """The files of the run's folder that are written while it runs."""
        logs = [self.folder / "qemu.log", *(process.log for process in self._processes)]
        ports = [self.folder / name for name in qemu.PORTS.values()]
        return [self.console, *logs, self._meter.counters, *ports]

    def _host_overlay(self) -> bytes:
        image = self.config.image
        archive, environment = emulated_host.carry(())
        for path in (image.kernel, image.initramfs, self._overlay):
            archive.copy(path)
        self._meter.pack(archive)
        archive.folders(self.folder)
        for name, path in self._links.items():
            archive.link(str(path).strip("/"), f"/run/bellwire/port/{name}")
        lines = self._script()
        write(self._host_folder / "start.sh", lines)
        return overlay.overlay(["sh", "-c", lines], environment, ports=self._links,
                               extra_files=archive)

    def _script(self) -> str:
        """The host's command. Its stderr reports only the processes that end."""
        lines = ['run() { number=$1 log=$2; shift 2; "$@" >>"$log" 2>&1; echo "$number $?" >&2; }']
        for number, process in enumerate(self._processes):
            lines.append(f"run {number} {shlex.join([str(process.log), *process.argv])} &")
            if process.socket:
                lines.append(f"until [ -S {_word(process.socket)} ]; do usleep 10000; done")
        lines.append(f"{shlex.join(qemu.flat(self.line))} >>{_word(self.folder / 'qemu.log')} 2>&1")
        return "\n".join(lines) + "\n"


class NestedQemu:
    """The QEMU in the host, with the interface of a child process."""

    def __init__(self, host: Vm, processes: Sequence[Process]) -> None:
        self._host = host
        self._processes = processes
        self._said = LineReader()

    def _ended(self, line: str) -> tuple[Process, int] | None:
        """The process that a line of the script reports, and its status. Other lines are the
        shell's, and stay in the host's log."""
        found = _ENDED.fullmatch(line)
        if not found or int(found[1]) >= len(self._processes):
            return None
        return self._processes[int(found[1])], _signed(int(found[2]))

    @property
    def status(self) -> int | None:
        """Raises if one of the processes or the host has ended by itself."""
        for line in self._said.lines(self._host.stderr.read()):
            if ended := self._ended(line):
                process, status = ended
                process.fail(status)
        verdict = self._host.poll()
        if verdict and verdict.command_status is None:
            raise HarnessError(f"the emulated host: {verdict.reason}{self._last_words()}")
        return _signed(verdict.command_status or 0) if verdict else None

    @property
    def pid(self) -> int:
        """The host's: nothing on this machine can signal a process in it."""
        return self._host.pid or 0

    def _last_words(self) -> str:
        said = last_line(self._host.stderr.path)
        return f"; it said '{said}'" if said else ""

    def kill(self) -> None:
        self._host.kill()

    def stop(self) -> None:
        self._host.close()


def _signed(status: int) -> int:
    """A shell's status as Python's, where a signal is negative."""
    return 128 - status if status > 128 else status


def _word(path: Path) -> str:
    return shlex.quote(str(path))


class NestedLab(Lab):
    _ports = (METER_PORT,)

    def __enter__(self) -> Self:
        super().__enter__()
        self.meter = Meter(self.folder, self.private)
        return self

    @property
    def processes(self) -> list[Process]:
        return [*super().processes, self.meter]

    def start(self) -> None:
        """Does nothing: its processes start with the VM."""

    def _make_vm(self, folder: Path, overlay: Path, plugs: Sequence[Plug], terminal: bool,
                 stdin: socket.socket | None) -> Vm:
        if self.vms:
            raise HarnessError("an emulated host takes one VM")
        return NestedVm(self.config, folder, overlay, plugs, self.processes, self.meter)

    def _script(self, vm: Vm) -> str:
        assert isinstance(vm, NestedVm)
        return shell_script(vm.host, self.private, ())


def make(config: VmConfig, folder: Path, devices: Sequence[str], vectors: int,
         transport: str = "ivshmem", device_options: Sequence[str] = (),
         services: Sequence[Service] = (), extras: Sequence[Extra] = (), guests: int = 1,
         faults: Sequence[str] = ()) -> Lab:
    """The kind of lab that the VM's accelerator needs."""
    kind = NestedLab if config.nested else Lab
    return kind(config, folder, devices, guests, vectors, transport, device_options, services, extras,
                faults)
