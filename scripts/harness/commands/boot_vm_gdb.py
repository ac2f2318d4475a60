# SPDX-License-Identifier: BSD-3-Clause
"""boot-vm --gdb: the script for gdb, in the run's folder."""

import argparse
from pathlib import Path

from bellwire.core import messages
from bellwire.core.places import GUEST_TOOLS, Missing, write
from bellwire.image import guest_image, symbols
from bellwire.image.kernel import Kernel
from bellwire.vms import gdb
from bellwire.vms.vm import Vm

SCRIPT = "gdb.script"


def write_script(vm: Vm, kernel: Kernel, options: argparse.Namespace) -> None:
    """Where the kernel's symbols can't be had, gdb knows those of the program."""
    try:
        vmlinux = symbols.vmlinux(kernel)
    except Missing as error:
        messages.say(f"--gdb without the names of kernel and modules: {error}")
        vmlinux = None
    modules = [*guest_image.module_files(kernel), *(own.file for own in options.insmod)]
    assert vm.config.gdb_port
    write(vm.folder / SCRIPT, gdb.script(vm.config.gdb_port, vmlinux, modules, _program(options)))


def _program(options: argparse.Namespace) -> Path | None:
    """The file here of the program that the guest runs."""
    if not options.command:
        return None
    name = options.command[0]
    tools = {tool.name: tool for tool in GUEST_TOOLS}
    return tools.get(name.removeprefix("/bin/")) or next(
        (file for share in options.share if (file := share.file(name))), None)
