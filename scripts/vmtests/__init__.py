# SPDX-License-Identifier: BSD-3-Clause
"""Tests in virtual machines, a file a story; case.py has what they share."""
