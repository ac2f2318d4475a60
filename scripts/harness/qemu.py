# SPDX-License-Identifier: BSD-3-Clause
"""Passes on to harness.vms.qemu until bench/idle.py imports that itself."""
from harness.vms.qemu import *  # noqa: F403
