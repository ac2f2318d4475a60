# SPDX-License-Identifier: BSD-3-Clause
"""What several figures come to: percentiles by nearest rank, the only definition in this tree.

The same as vdev/core/statistics.hpp, and both are tested with the same numbers: a percentile is
always one of the figures, never a value between two of them.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


def nearest_rank(part: float, count: int) -> int:
    """The place, from 1, of the percentile `part` (0 to 1) among `count` figures in ascending
    order: the least rank that at least that part of them does not exceed. 0 if there are none."""
    exact = part * count
    rank = math.ceil(exact - 1e-9 * exact)  # 0.07 × 100 is a little over 7
    return min(max(rank, 1), count)


def percentile(ordered: Sequence[float], part: float) -> float:
    """One of `ordered`, which is in ascending order; 0 if it is empty."""
    return ordered[nearest_rank(part, len(ordered)) - 1] if ordered else 0


@dataclass(frozen=True)
class Summary:
    """Percentiles of figures of any unit; all 0 if there are none."""

    count: int
    p25: float
    p50: float
    p75: float
    p90: float
    p95: float
    p99: float
    max: float


def summarize(figures: Iterable[float]) -> Summary:
    ordered = sorted(figures)
    return Summary(len(ordered), *(percentile(ordered, part)
                                   for part in (0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1)))


def median(figures: Iterable[float]) -> float:
    return percentile(sorted(figures), 0.5)
