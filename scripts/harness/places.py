# SPDX-License-Identifier: BSD-3-Clause
"""Passes on to harness.core.places until bench/idle.py imports that itself."""
from harness.core.places import *  # noqa: F403
