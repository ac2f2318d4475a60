# SPDX-License-Identifier: BSD-3-Clause
"""Saved states of VMs that have booted and wait for their command, to resume them from there.

The key of a state is the QEMU, the command line that the guest can see, kernel, initramfs and the
boot of the host, whose TSC the guest has measured. A state holds nothing of a run: the wires are
plugged in after it was resumed, and then the guest reads its overlay. The newest are kept in the
user's cache, about 70 MiB each: more than the whole test suite has kinds of VMs, for two clones.
"""

import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from bellwire.core.places import BUILD, ROOT, cache, caches
from bellwire.image import build
from bellwire.vms import qemu
from bellwire.vms.plugs import Plug
from bellwire.vms.qmp import Qmp, QmpError

FOLDER = "states"
KEPT = 24
LIMIT = 20.0  # seconds to write or read a state; either takes less than one
FAST = 1 << 40  # bytes per second: QEMU limits the rate by default, for networks
POLL = 0.005
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def key(config: qemu.VmConfig, slots: int, ports: Iterable[str] = ()) -> str:
    """A name that changes with anything that the state depends on. The files' paths are not part of
    it: clones of one revision build the same image, and share its states."""
    program = Path(shutil.which(config.qemu) or config.qemu).resolve().stat()
    line = str(qemu.flat(qemu.line(config, Path(), slots=slots,
                                   ports=dict.fromkeys(ports, Path()))))
    for place in (config.image.kernel, config.image.initramfs, BUILD, ROOT):
        line = line.replace(str(place), "")
    image = [build.digest(path) for path in (config.image.kernel, config.image.initramfs)]
    facts = [line, image, program.st_size, program.st_mtime_ns, qemu.version(config.qemu),
             _BOOT_ID.read_text()]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]


def find(name: str) -> BinaryIO | None:
    """That state, opened: it stays readable if another process drops it."""
    for place in caches():
        with suppress(OSError):
            file = (place / FOLDER / _file(name)).open("rb")
            with suppress(OSError):
                os.utime(file.fileno())  # the newest *used* are kept
            return file
    return None


def drop(name: str) -> None:
    for place in caches():
        with suppress(OSError):
            (place / FOLDER / _file(name)).unlink()


@contextmanager
def making(name: str) -> Iterator[Callable[[], bool]]:
    """Yields a function that returns whether this process may make that state: False while another
    one does. Ask again after a while: that one may have failed."""
    half = _folder() / _half(name)
    half.parent.mkdir(parents=True, exist_ok=True)
    with half.open("a") as file:
        def alone() -> bool:
            with suppress(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
            return False

        try:
            yield alone
        finally:
            if alone():
                half.unlink(missing_ok=True)


def save(name: str, qmp: Qmp) -> None:
    """Stops the VM and writes its state. Call it within making().

    QEMU finds the file through our descriptor, so that its path need not be plain ASCII.
    """
    folder = os.open(_folder(), os.O_RDONLY | os.O_DIRECTORY)
    here = f"/proc/{os.getpid()}/fd/{folder}"
    half, whole = f"{here}/{_half(name)}", f"{here}/{_file(name)}"
    try:
        qmp.command("stop")
        qmp.command("migrate-set-parameters", **{"max-bandwidth": FAST})
        qmp.command("migrate", uri=f"exec:cat >{half} && mv {half} {whole}")
        _until_migrated(qmp, _folder() / _file(name))
    finally:
        os.close(folder)
    _forget()


def incoming(state: BinaryIO) -> list[str]:
    """The arguments with which QEMU starts from that state, which must stay open meanwhile.

    New QEMUs take no file descriptor and old ones no file name, but all of them a program.
    """
    return ["-incoming", f"exec:exec cat /proc/{os.getpid()}/fd/{state.fileno()}"]


def until_loaded(qmp: Qmp) -> None:
    _until(lambda: str(qmp.command("query-status")["status"]) != "inmigrate", "load")


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
    states = sorted(_folder().glob("*.state"), key=_used)
    for old in states[:-KEPT]:
        old.unlink(missing_ok=True)
    for half in _folder().glob("*.half"):
        with suppress(OSError), half.open() as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            half.unlink()  # who made it was killed


def _used(state: Path) -> int:
    try:
        return state.stat().st_mtime_ns
    except FileNotFoundError:  # somebody else dropped it
        return 0


def _folder() -> Path:
    return cache() / FOLDER


def _file(name: str) -> str:
    return f"{name}.state"


def _half(name: str) -> str:
    """Of a state that is being written; who makes the state has locked it."""
    return f"{name}.half"
