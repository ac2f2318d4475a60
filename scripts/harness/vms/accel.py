# SPDX-License-Identifier: BSD-3-Clause
"""Whether KVM works on this machine.

Some KVMs open and pass small probes, but never boot a Linux kernel. So the real kernel and
initramfs are booted as a proof: the guest must report that it waits for its command. The verdict
is remembered for that kernel, that QEMU and the current boot of the host.
"""

import json
import time
from dataclasses import dataclass
from pathlib import Path

from bellwire.core import messages, runs
from bellwire.core.children import Child, describe
from bellwire.core.places import Missing, cache, caches, locked, replace_file
from bellwire.report.logs import last_line
from bellwire.vms import qemu

LIMIT = 8.0  # seconds; with a working KVM a guest needs one
DEVICE = Path("/dev/kvm")
KNOWN = "kvm.json"  # in the cache: the verdicts, "" or what went wrong
CHOICES = ("auto", "kvm", "tcg", "nested")


@dataclass(frozen=True)
class KvmProblem:
    """Why KVM cannot be used."""

    reason: str
    remedy: str = ""
    worth_saying: bool = True  # also to a user who did not ask for KVM


def choose(wanted: str, config: qemu.VmConfig, version: str) -> str:
    """Returns "kvm", "tcg" or "nested" for one of CHOICES. Raises if "kvm" was asked for and KVM
    does not work."""
    if wanted == "nested":
        return wanted
    trouble = None if wanted == "tcg" else closed(DEVICE) or _unproven(config, version)
    if wanted == "tcg" or trouble and wanted == "auto":
        if trouble and trouble.worth_saying:
            messages.say(f"no KVM, going on with emulation (TCG): {trouble.reason}{trouble.remedy}")
        return "tcg"
    if trouble:
        raise Missing(f"--accel kvm: {trouble.reason}{trouble.remedy}; or use --accel tcg")
    return "kvm"


def closed(device: Path) -> KvmProblem | None:
    try:
        device.open("r+b", buffering=0).close()
    except PermissionError:
        return KvmProblem(f"{device} may not be opened",
                          ": type 'sudo usermod -aG kvm $USER' and log in again")
    except OSError as error:
        return KvmProblem(f"{device}: {error.strerror}", worth_saying=False)
    return None


def _unproven(config: qemu.VmConfig, version: str) -> KvmProblem | None:
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    key = " | ".join((config.image.release, config.qemu, version, boot))
    for place in caches():  # without a lock: a cache may be read-only
        if (known := _read(place / KNOWN).get(key)) is not None:
            return _trouble(known, place / KNOWN, worth_saying=False)
    known_file = cache() / KNOWN
    with locked(known_file.with_suffix(".lock"), "tries KVM"):
        verdicts = _read(known_file)
        if key in verdicts:
            return _trouble(verdicts[key], known_file, worth_saying=False)
        with messages.waiting("the first guest on this machine's KVM"):
            reason = prove(config)
        kept = {other: text for other, text in verdicts.items() if other.endswith(boot)}
        replace_file(known_file, json.dumps(kept | {key: reason}, indent=2))
    return _trouble(reason, known_file, worth_saying=True)


def _trouble(reason: str, known_file: Path, worth_saying: bool) -> KvmProblem | None:
    remedy = f" (remembered in {known_file}; remove it to try again)"
    return KvmProblem(reason, remedy, worth_saying) if reason else None


def prove(config: qemu.VmConfig, limit: float = LIMIT) -> str:
    """Boots that image with that QEMU. Returns what went wrong, or ""."""
    with runs.private_folder() as folder:
        bare = qemu.VmConfig(config.image, "kvm", config.qemu)
        line = qemu.line(bare, folder)
        child = Child(qemu.flat(line), folder / "qemu.log")
        try:
            return _watch(child, folder, limit)
        finally:
            child.kill()


def _watch(child: Child, folder: Path, limit: float) -> str:
    deadline = time.monotonic() + limit
    while True:
        status = child.status
        if _ready(folder / "status"):
            return ""
        if status is not None:
            said = last_line(folder / "qemu.log")
            return f"QEMU {describe(status)}" + (f", saying '{said}'" if said else "")
        if time.monotonic() > deadline:
            return f"no sign of life from the guest in {limit:g} s"
        time.sleep(0.01)


def _ready(status: Path) -> bool:
    return status.exists() and status.read_text().startswith("waiting")


def _read(known_file: Path) -> dict[str, str]:
    try:
        found = json.loads(known_file.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
