# SPDX-License-Identifier: BSD-3-Clause
"""Brings everything up to date that a run needs: packages, programs, image."""

from harness.core import children
from harness.core.places import BARE_PEER, GUEST_TOOLS, ROOT, AlreadySaid
from harness.image import guest_image


def programs(*targets: str) -> None:
    """Builds those targets of the release preset, and installs missing packages before."""
    if children.run_aloud(ROOT / "scripts/build", *targets):
        raise AlreadySaid(f"scripts/build {' '.join(targets)} failed")


def everything(kernel: str) -> guest_image.Image:
    programs("bellwire", BARE_PEER.name, *(tool.name for tool in GUEST_TOOLS))
    return guest_image.make(kernel)
