# SPDX-License-Identifier: BSD-3-Clause
"""Passes on to harness.labs.lab until bench/idle.py imports that itself."""
from harness.labs.lab import *  # noqa: F403
