# SPDX-License-Identifier: BSD-3-Clause
"""The entry point of each script that a person types."""
