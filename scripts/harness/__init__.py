# SPDX-License-Identifier: BSD-3-Clause
"""Boots test machines with their wires and devices; read labs/lab.py first."""
