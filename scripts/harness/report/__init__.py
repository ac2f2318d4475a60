# SPDX-License-Identifier: BSD-3-Clause
"""What is read from logs and test reports, and how results are shown."""
