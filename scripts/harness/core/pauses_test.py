# SPDX-License-Identifier: BSD-3-Clause
import unittest
from unittest import mock

from bellwire.core import pauses
from bellwire.core.pauses import LONGEST, PART, SHORTEST, Pauses


class Clock:
    """Time passes only in sleep()."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


class PausesTest(unittest.TestCase):
    def setUp(self) -> None:
        self.clock = self.enterContext(mock.patch.object(pauses, "time", Clock()))

    def until_over(self, limit: float) -> list[float]:
        waiting = Pauses(limit)
        while not waiting.over():
            waiting.sleep()
        slept: list[float] = self.clock.slept
        return slept

    def test_they_grow_with_the_wait_within_bounds(self) -> None:
        slept = self.until_over(60)
        self.assertEqual((slept[0], slept[-1], slept), (SHORTEST, LONGEST, sorted(slept)))
        waited = 0.0
        for pause in slept:
            self.assertLessEqual(pause, max(SHORTEST, PART * waited + 1e-9))
            waited += pause

    def test_a_minute_takes_few(self) -> None:
        self.assertLess(len(self.until_over(60)), 60 / LONGEST + 200)

    def test_without_a_limit_they_are_never_over(self) -> None:
        waiting = Pauses()
        self.clock.sleep(1e9)
        self.assertFalse(waiting.over())
