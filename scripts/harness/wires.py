# SPDX-License-Identifier: BSD-3-Clause
"""Passes on to harness.labs.processes until bench/idle.py imports that itself."""
from harness.labs.processes import *  # noqa: F403
