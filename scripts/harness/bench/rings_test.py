# SPDX-License-Identifier: BSD-3-Clause
import os
import subprocess
import unittest
from types import SimpleNamespace
from typing import Any
from unittest import mock

from bellwire.bench import rings


class PinsTest(unittest.TestCase):
    def setUp(self) -> None:
        self.pinned: dict[int, set[int]] = {}
        self.enterContext(mock.patch.object(
            os, "sched_setaffinity", lambda thread, cpus: self.pinned.update({thread: set(cpus)})))

    def pin(self, cpus: set[int]) -> tuple[int, int]:
        """QEMU's pid, whose one thread is its guest's CPU, and a device's."""
        with mock.patch.object(os, "sched_getaffinity", return_value=cpus), self.asleep() as qemu, \
                self.asleep() as device:
            lab: Any = SimpleNamespace(processes=[device, SimpleNamespace(pid=None)])
            vm: Any = SimpleNamespace(pid=qemu.pid, cpu_threads=lambda: [qemu.pid])
            rings.pin(lab, vm)
            qemu.kill()
            device.kill()
        return qemu.pid, device.pid

    def asleep(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(["sleep", "60"])

    def test_the_guest_has_a_cpu_of_its_own(self) -> None:
        qemu, device = self.pin({2, 5, 7})
        self.assertEqual(self.pinned, {qemu: {2}, device: {5, 7}})

    def test_on_one_cpu_nobody_is_pinned(self) -> None:
        self.pin({3})
        self.assertEqual(self.pinned, {})

    def test_it_is_said(self) -> None:
        with mock.patch.object(os, "sched_getaffinity", return_value={0, 1}):
            self.assertEqual(rings.pinned_cpus(),
                             {"guest_runs_on": "CPU 0", "device_runs_on": "CPU 1"})
        with mock.patch.object(os, "sched_getaffinity", return_value={0}):
            self.assertEqual(rings.pinned_cpus(), {})
