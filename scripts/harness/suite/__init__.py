# SPDX-License-Identifier: BSD-3-Clause
"""What scripts/test runs; __main__.py has its levels and their steps."""
