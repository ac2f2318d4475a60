# SPDX-License-Identifier: BSD-3-Clause
"""Brings everything up to date that a run needs: packages, programs, image."""

from . import children, image
from .places import BARE_PEER, GUEST_TOOLS, ROOT, AlreadySaid


def programs(*targets: str) -> None:
    """Builds those targets of the release preset, and installs missing packages before."""
    if children.run_aloud(ROOT / "scripts/build", *targets):
        raise AlreadySaid(f"scripts/build {' '.join(targets)} failed")


def everything(kernel: str) -> image.Image:
    programs("bellwire", BARE_PEER.name, *(tool.name for tool in GUEST_TOOLS))
    return image.make(kernel)
