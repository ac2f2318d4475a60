# SPDX-License-Identifier: BSD-3-Clause
"""Pauses between looks at something that will happen at an unknown time.

Each is a fiftieth of the time that was waited so far: what happens soon is seen soon, and what
takes long costs little to wait for.
"""

import time

SHORTEST = 0.004  # seconds
LONGEST = 0.04  # for what a person sees at once
PART = 1 / 50


class Pauses:
    """From now on, until `limit` seconds are over."""

    def __init__(self, limit: float | None = None) -> None:
        self._began = time.monotonic()
        self._limit = limit

    def over(self) -> bool:
        """Whether the limit has passed."""
        return self._limit is not None and self._waited() > self._limit

    def sleep(self) -> None:
        time.sleep(min(max(PART * self._waited(), SHORTEST), LONGEST))

    def _waited(self) -> float:
        return time.monotonic() - self._began
