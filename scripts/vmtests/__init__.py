# SPDX-License-Identifier: BSD-3-Clause
"""Tests in virtual machines, a subject per file; case.py has what they share."""
