# SPDX-License-Identifier: BSD-3-Clause
"""Level 3: an emulated host whose KVM runs the guest."""
