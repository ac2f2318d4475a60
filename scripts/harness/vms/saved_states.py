# SPDX-License-Identifier: BSD-3-Clause
"""Saved states of VMs that have booted and wait for their command, to resume them from there.

The key of a state is the QEMU, the command line that the guest can see, kernel, initramfs and the
boot of the host, whose TSC the guest has measured. A state holds nothing of a run. The usual wires to
a switchboard are in it, unused: their memory belongs to the run. Others are plugged in after it was
resumed. Then the guest reads its overlay. The newest are kept in the
user's cache, about 70 MiB each: more than the whole test suite has kinds of VMs, for two clones.

A state is a folder with the guest's memory and QEMU's devices. A VM that was resumed maps that
memory privately, so it reads of it what it uses, and copies what it changes.
"""

import fcntl
import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Self

from bellwire.core.places import BUILD, ROOT, cache, caches
from bellwire.image import build
from bellwire.vms import qemu
from bellwire.vms.plugs import Plug
from bellwire.vms.qmp import Qmp, QmpError

FOLDER = "states"
RAM, DEVICES = "ram", "devices"  # the files of a state
BLOCK = 1 << 16
ZEROS = bytes(BLOCK)
KEPT = 24
LIMIT = 20.0  # seconds to write or read a state; either takes less than one
FAST = 1 << 40  # bytes per second: QEMU limits the rate by default, for networks
POLL = 0.005
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def key(config: qemu.VmConfig, slots: int, ports: Iterable[str] = (), kept: Sequence[Plug] = ()
        ) -> str:
    """A name that changes with anything that the state depends on. The files' paths are not part of
    it: clones of one revision build the same image, and share its states."""
    program = Path(shutil.which(config.qemu) or config.qemu).resolve().stat()
    line = str(qemu.flat(qemu.line(config, Path(), slots=slots, ram=qemu.Ram(Path(), written=True),
                                   ports=dict.fromkeys(ports, Path()), plugs=kept,
                                   saved=len(kept))))
    for place in (config.image.kernel, config.image.initramfs, BUILD, ROOT):
        line = line.replace(str(place), "")
    image = [build.digest(path) for path in (config.image.kernel, config.image.initramfs)]
    facts = [line, image, program.st_size, program.st_mtime_ns, qemu.version(config.qemu),
             _BOOT_ID.read_text()]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]


class State:
    """Its files, open: they stay readable if another process drops the state."""

    def __init__(self, folder: Path) -> None:
        with ExitStack() as opened:
            inside = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            opened.callback(os.close, inside)
            self.ram, self.devices = (
                opened.enter_context(open(f"/proc/self/fd/{inside}/{name}", "rb")).fileno()
                for name in (RAM, DEVICES))
            with suppress(OSError):
                os.utime(inside)  # the newest *used* are kept
            self._opened = opened.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()


def find(name: str) -> State | None:
    for place in caches():
        with suppress(OSError):
            return State(place / FOLDER / _folder(name))
    return None


def drop(name: str) -> None:
    for place in caches():
        _remove(place / FOLDER / _folder(name))


class Making:
    """One state that is being made; the process that has locked `half` makes it."""

    def __init__(self, name: str, half: BinaryIO, memory: int) -> None:
        self._name, self._half, self._memory = name, half, memory
        self._unfinished = _place() / f"{name}.unfinished"

    def alone(self) -> bool:
        """Whether this process may make it: False while another one does. Ask again after a while:
        that one may have failed."""
        with suppress(BlockingIOError):
            fcntl.flock(self._half, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        return False

    @property
    def ram(self) -> qemu.Ram:
        """For the VM that is saved."""
        return qemu.Ram(Path(_ours(self._memory)), written=True)

    def save(self, qmp: Qmp) -> None:
        """Stops the VM and writes its state."""
        self.clean_up()
        self._unfinished.mkdir()
        with _found_by_qemu(self._unfinished) as here:
            qmp.command("stop")
            _without_memory(qmp)
            qmp.command("migrate-set-parameters", **{"max-bandwidth": FAST})
            qmp.command("migrate", uri=f"exec:cat >{here}/half && mv {here}/half {here}/{DEVICES}")
            _until_migrated(qmp, self._unfinished / DEVICES)
        _forget_addresses(self._unfinished / DEVICES)
        with (self._unfinished / RAM).open("wb") as file:
            _copy(self._memory, file.fileno())
        drop(self._name)
        self._unfinished.rename(_place() / _folder(self._name))
        _forget()

    def clean_up(self) -> None:
        _remove(self._unfinished)


# In a state: which memory of a wire is left out, its size, and where the guest has it.
_MEMORY_OF_WIRE = re.compile(rb"(/ivshmem\.bar2.{8})(.{8})", re.DOTALL)


def _forget_addresses(devices: Path) -> None:
    """QEMU would compare them with its own before it has read those devices' registers, which say where
    the guest has that memory."""
    devices.write_bytes(_MEMORY_OF_WIRE.sub(rb"\1" + bytes(8), devices.read_bytes()))


@contextmanager
def making(name: str) -> Iterator[Making]:
    place = _place()
    place.mkdir(parents=True, exist_ok=True)
    half = place / f"{name}.half"
    with half.open("ab") as file, _memory() as memory:
        state = Making(name, file, memory)
        try:
            yield state
        finally:
            if state.alone():
                state.clean_up()
                half.unlink(missing_ok=True)


@contextmanager
def _found_by_qemu(folder: Path) -> Iterator[str]:
    """A path through our descriptor, as the folder's own need not be plain ASCII."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield _ours(opened)
    finally:
        os.close(opened)


def _ours(descriptor: int) -> str:
    return f"/proc/{os.getpid()}/fd/{descriptor}"


@contextmanager
def memory(state: State, shared: bool) -> Iterator[qemu.Ram]:
    """That of a VM that goes on from the state, to be kept until it is loaded. QEMU opens it for
    writing in any case."""
    if not shared and os.access(_ours(state.ram), os.W_OK):
        yield qemu.Ram(Path(_ours(state.ram)), written=False)
        return
    with _memory() as copy:
        _copy(state.ram, copy)
        # A device's process maps what it is sure of: a peer could cut the file off under it.
        fcntl.fcntl(copy, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
        yield qemu.Ram(Path(_ours(copy)), written=shared)


@contextmanager
def _memory() -> Iterator[int]:
    """A file in memory, empty."""
    file = os.memfd_create("bellwire ram", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        yield file
    finally:
        os.close(file)


def _copy(source: int, target: int) -> None:
    """What is all zeros becomes a hole."""
    size = os.fstat(source).st_size
    os.truncate(target, size)
    for begin, end in _parts(source, size):
        for at in range(begin, end, BLOCK):
            block = os.pread(source, min(BLOCK, end - at), at)
            if block != ZEROS[:len(block)]:
                os.pwrite(target, block, at)


def _parts(file: int, size: int) -> Iterator[tuple[int, int]]:
    """Those that are no holes."""
    end = 0
    with suppress(OSError):  # ENXIO: only a hole is left
        while end < size:
            begin = os.lseek(file, end, os.SEEK_DATA)
            end = os.lseek(file, begin, os.SEEK_HOLE)
            yield begin, end


INCOMING = ["-incoming", "defer"]
BY_NAME = (8, 2)  # the first version of QEMU that takes a file by its name; later ones only so


def load(qmp: Qmp, state: State, version: tuple[int, int]) -> None:
    """QEMU has inherited the state's file."""
    _without_memory(qmp)
    place = f"file:{_ours(state.devices)}" if version >= BY_NAME else f"fd:{state.devices}"
    qmp.command("migrate-incoming", uri=place)
    _until(lambda: str(qmp.command("query-status")["status"]) != "inmigrate", "load")


def _without_memory(qmp: Qmp) -> None:
    qmp.command("migrate-set-capabilities",
                capabilities=[{"capability": "x-ignore-shared", "state": True}])


def plug(qmp: Qmp, plugs: Sequence[Plug]) -> None:
    """Plugs the wires into a stopped VM, and lets it run."""
    for command, arguments in (pair for part in plugs for pair in part.commands()):
        qmp.command(command, **arguments)
    qmp.command("cont")


def unplug(qmp: Qmp, plug: Plug) -> None:
    """Returns when the guest has released the device, and nothing of it is left in QEMU."""
    (command, device), *rest = plug.removal()
    qmp.command(command, **device)
    qmp.await_event("DEVICE_DELETED", device=device["id"])
    for command, arguments in rest:
        if command != "chardev-remove" or _has_chardev(qmp, arguments["id"]):
            qmp.command(command, **arguments)


def _has_chardev(qmp: Qmp, name: str) -> bool:
    """A netdev of vhost-user takes its chardev with it when it goes."""
    return any(one["label"] == name for one in qmp.command("query-chardev"))


def _until_migrated(qmp: Qmp, state: Path) -> None:
    def written() -> bool:
        status = qmp.command("query-migrate")["status"]
        if status in ("failed", "cancelled"):
            raise QmpError(f"QEMU's migration to '{state}' {status}; is the disk full?")
        return status == "completed" and state.exists()  # named when it is whole

    _until(written, "save")


def _until(happened: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + LIMIT
    while not happened():
        if time.monotonic() > deadline:
            raise QmpError(f"QEMU didn't {what} the state in {LIMIT:g} s")
        time.sleep(POLL)


def _forget() -> None:
    states = sorted(_place().glob("*.state"), key=_used)
    for old in states[:-KEPT]:
        _remove(old)
    for half in _place().glob("*.half"):
        with suppress(OSError), half.open() as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _remove(half.with_suffix(".unfinished"))
            half.unlink()  # who made it was killed


def _remove(state: Path) -> None:
    """A folder, or a file as older revisions left it."""
    if state.is_dir():
        shutil.rmtree(state, ignore_errors=True)
    else:
        with suppress(OSError):
            state.unlink()


def _used(state: Path) -> int:
    try:
        return state.stat().st_mtime_ns
    except FileNotFoundError:  # somebody else dropped it
        return 0


def _place() -> Path:
    return cache() / FOLDER


def _folder(name: str) -> str:
    return f"{name}.state"
