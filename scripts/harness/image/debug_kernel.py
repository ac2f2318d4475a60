# SPDX-License-Identifier: BSD-3-Clause
"""A kernel that checks itself, built from Debian's sources: it finds faults that no test can see.

KASAN reports uses of freed memory and accesses beyond an object, lockdep wrong orders of locks,
DEBUG_ATOMIC_SLEEP sleeps under a spinlock, kmemleak lost memory; fault injection makes allocations
fail. Debian has no such kernel, so one is built once, into the user's cache, in five minutes of two
CPUs, and again when this file asks for another configuration. It has what our guests need, and nothing
built as a module.
"""

import os
import shutil
from pathlib import Path

from bellwire.core import children, messages
from bellwire.core.places import ROOT, AlreadySaid, HarnessError
from bellwire.image import apt
from bellwire.image.apt import Apt

VERSION = "6.1-debug"
SOURCE = "linux-source-6.1"

# What is added to the kernel's own smallest configuration.
CHECKS = """SLUB KASAN KASAN_GENERIC PROVE_LOCKING DEBUG_ATOMIC_SLEEP DEBUG_KMEMLEAK DEBUG_LIST
    SLUB_DEBUG SLUB_DEBUG_ON DEBUG_KERNEL DEBUG_FS DEBUG_FS_ALLOW_ALL KALLSYMS KALLSYMS_ALL
    STACKTRACE BUG PRINTK FAULT_INJECTION FAULT_INJECTION_DEBUG_FS FAILSLAB FAIL_PAGE_ALLOC"""
# QEMU's q35 has its slots' hotplug done by ACPI; a state that was saved gets its wires by that.
MACHINE = """64BIT SMP PCI PCI_MSI ACPI HOTPLUG_PCI HOTPLUG_PCI_ACPI PCIEPORTBUS HOTPLUG_PCI_PCIE
    PCIE_PME PROCESSOR_SELECT CPU_SUP_AMD CPU_SUP_INTEL X86_X2APIC X86_LOCAL_APIC X86_IO_APIC
    HYPERVISOR_GUEST HIGH_RES_TIMERS NO_HZ_IDLE RTC_CLASS RTC_DRV_CMOS RTC_HCTOSYS ZONE_DMA
    SUSPEND PM TTY SERIAL_8250 SERIAL_8250_CONSOLE VIRTIO_MENU VIRTIO_PCI VIRTIO_CONSOLE"""
PROGRAMS = """BLK_DEV_INITRD BINFMT_ELF BINFMT_SCRIPT DEVTMPFS PROC_FS PROC_SYSCTL SYSFS TMPFS SHMEM
    MEMFD_CREATE UNIX98_PTYS MODULES MODULE_UNLOAD EVENTFD EPOLL SIGNALFD TIMERFD FUTEX POSIX_TIMERS
    AIO IO_URING USERFAULTFD ADVISE_SYSCALLS MEMBARRIER FILE_LOCKING MULTIUSER SYSVIPC POSIX_MQUEUE KCMP NET UNIX
    INET PACKET FTRACE KPROBES PERF_EVENTS IA32_EMULATION COMPAT_32BIT_TIME NAMESPACES UTS_NS
    KERNEL_GZIP CC_OPTIMIZE_FOR_PERFORMANCE UNWINDER_ORC"""
# kmemleak waits until it is asked: a scan takes seconds under emulation.
WITHOUT = """SLOB SLUB_TINY DEBUG_KMEMLEAK_AUTO_SCAN DEBUG_KMEMLEAK_DEFAULT_OFF DEBUG_INFO_BTF WERROR
    KERNEL_XZ RD_GZIP CC_OPTIMIZE_FOR_SIZE UNWINDER_GUESS"""
CONFIGURATION = " ".join(f"with {CHECKS} {MACHINE} {PROGRAMS} without {WITHOUT}".split())
# Modules are built against the remaining files.
NEEDLESS = "Documentation drivers sound samples fs net crypto mm block security ipc io_uring lib certs"


def build(source: Apt, root: Path) -> None:
    """Leaves in `root` what unpacked packages of a kernel leave: image, headers, release."""
    messages.say("building a kernel that checks itself (once; 140 MB to fetch, some minutes)")
    if children.run_aloud("env", "BELLWIRE_SETUP=debug", ROOT / "scripts/setup"):
        raise AlreadySaid("what builds a kernel is missing")
    source.fetch(root, SOURCE)
    apt.unpack(root, root)
    with messages.waiting("the debug kernel to be built"):
        _run(root, "tar", "-xf", root / f"usr/src/{SOURCE}.tar.xz", "-C", root)
        tree = root / SOURCE
        configure(tree)
        _run(tree, "make", "-s", f"-j{os.cpu_count()}", "bzImage", "modules")
        install(tree, root)


def is_current(root: Path) -> bool:
    """Whether that kernel was built with this configuration."""
    try:
        return (root / "configuration").read_text() == CONFIGURATION
    except OSError:
        return False


def configure(tree: Path) -> None:
    _run(tree, "make", "-s", "tinyconfig")
    on = [word for name in f"{CHECKS} {MACHINE} {PROGRAMS}".split() for word in ("-e", name)]
    off = [word for name in WITHOUT.split() for word in ("-d", name)]
    _run(tree, "scripts/config", *on, *off, "--set-val", "CONSOLE_LOGLEVEL_DEFAULT", "7",
         "--set-val", "FRAME_WARN", "4096")
    _run(tree, "make", "-s", "olddefconfig")
    missing = set(CHECKS.split()) - {line.removeprefix("CONFIG_").removesuffix("=y") for line in
                                     (tree / ".config").read_text().splitlines()}
    if missing:
        raise HarnessError(f"{SOURCE} can't have {', '.join(sorted(missing))}: see {tree}/.config")


def install(tree: Path, root: Path) -> None:
    release = (tree / "include/config/kernel.release").read_text().strip()
    (root / "boot").mkdir(exist_ok=True)
    shutil.copy(tree / "arch/x86/boot/bzImage", root / f"boot/vmlinuz-{release}")
    (root / f"lib/modules/{release}/kernel").mkdir(parents=True, exist_ok=True)
    shutil.copy(tree / "modules.builtin", root / f"lib/modules/{release}/modules.builtin")
    for name in NEEDLESS.split():
        shutil.rmtree(tree / name)
    for path in tree.rglob("*.o"):
        path.unlink()
    shutil.rmtree(root / "usr", ignore_errors=True)
    (root / "usr/src").mkdir(parents=True)
    tree.rename(root / f"usr/src/linux-headers-{release}")
    (root / "configuration").write_text(CONFIGURATION)
    (root / "release").write_text(release + "\n")


def _run(folder: Path, *argv: str | Path) -> None:
    log = folder / "build.log"
    if children.run(*argv, cwd=folder, log=log).returncode:
        messages.to_stderr(log.read_bytes()[-2000:])
        raise HarnessError(f"the debug kernel doesn't build: '{argv[0]}' failed as reported above; "
                           "free some room if the disk is full, or report it")
