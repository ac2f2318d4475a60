# SPDX-License-Identifier: BSD-3-Clause
"""A switchboard, devices and VMs that are started together and end together."""
