# SPDX-License-Identifier: BSD-3-Clause
"""Passes on to harness.vms.toolbox until bench/idle.py imports that itself."""
from harness.vms.toolbox import *  # noqa: F403
