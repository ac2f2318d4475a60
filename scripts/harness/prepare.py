# SPDX-License-Identifier: BSD-3-Clause
"""Brings everything up to date that a run needs: packages, programs, image."""

import subprocess

from . import image
from .places import BARE_PEER, GUEST_TOOLS, ROOT, HarnessError


def programs(*targets: str) -> None:
    """Builds those targets of the release preset, and installs missing packages before."""
    if subprocess.run([ROOT / "scripts/build", *targets], stdin=subprocess.DEVNULL).returncode:
        raise HarnessError(f"scripts/build {' '.join(targets)} failed, as said above")


def everything(kernel: str) -> image.Image:
    programs("bellwire", BARE_PEER.name, *(tool.name for tool in GUEST_TOOLS))
    return image.make(kernel)
