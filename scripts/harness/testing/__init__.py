# SPDX-License-Identifier: BSD-3-Clause
"""Helpers that only tests use."""
