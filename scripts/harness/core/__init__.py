# SPDX-License-Identifier: BSD-3-Clause
"""What every other package stands on: paths, messages, child processes, a run's folder."""
