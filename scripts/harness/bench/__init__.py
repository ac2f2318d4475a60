# SPDX-License-Identifier: BSD-3-Clause
"""What scripts/bench measures; suites.py lists it."""
