# SPDX-License-Identifier: BSD-3-Clause
"""QEMU: its command line, its accelerators, its monitor, and one VM's life."""
