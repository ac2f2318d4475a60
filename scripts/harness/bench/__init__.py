# SPDX-License-Identifier: BSD-3-Clause
"""What is measured in VMs, way beside way. `bellwire bench` has what needs none."""
