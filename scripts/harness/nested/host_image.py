# SPDX-License-Identifier: BSD-3-Clause
"""Makes what an emulated host boots: the guest's image, and behind it this machine's QEMU and KVM.

So the host is a guest like any other, with /dev/kvm and a QEMU that uses it.
"""

from dataclasses import replace
from pathlib import Path

from harness.core import messages
from harness.core.places import BUILD, locked, replace_file
from harness.image import guest_image, kernel, modules, programs, recipe
from harness.image.cpio import Archive
from harness.image.guest_image import CHANNEL_MODULES, Image
from harness.vms import toolbox

KVM_MODULES = ("kvm_amd",)  # the emulated CPU is AMD's
FOLDER = BUILD / "images/host"


def make(qemu: str) -> Image:
    """The image with that QEMU, up to date."""
    base = kernel.get(kernel.DEFAULT)
    inner = guest_image.make(kernel.DEFAULT)
    made = replace(inner, initramfs=FOLDER / "initramfs.cpio")
    order = modules.with_dependencies(CHANNEL_MODULES + KVM_MODULES, base.modules)
    program = programs.find(qemu)
    ours = program == toolbox.FOLDER / toolbox.PROGRAM
    files = toolbox.files() if ours else programs.with_libraries(program)
    files += programs.firmware(program)
    with locked(FOLDER.with_suffix(".lock"), "makes the emulated host's image"), \
            messages.waiting("the emulated host's image to be made"):
        needed = recipe.of([inner.initramfs, *order, *files, Path(__file__)], base.root)
        if not recipe.made(needed, made.initramfs):
            FOLDER.mkdir(parents=True, exist_ok=True)
            # Linux unpacks one archive behind the other; what comes later wins.
            replace_file(made.initramfs, inner.initramfs.read_bytes() + _host(order, files))
            recipe.remember(needed, made.initramfs)
    return made


def _host(order: list[Path], files: list[Path]) -> bytes:
    archive = Archive()
    modules.put(archive, order)
    modules.put_order(archive, order)
    for path in files:
        archive.copy(path)
    return archive.data()
