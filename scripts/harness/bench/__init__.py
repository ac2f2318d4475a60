# SPDX-License-Identifier: BSD-3-Clause
"""What scripts/bench measures; __main__.py has its suites."""
