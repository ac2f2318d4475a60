# SPDX-License-Identifier: BSD-3-Clause
"""What a VM boots: Debian's kernels, the initramfs with our modules and tools, a run's overlay."""
