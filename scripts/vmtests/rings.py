# SPDX-License-Identifier: BSD-3-Clause
"""Every way to ring and to be notified, and queues that are broken on purpose."""

from typing import Any

from vmtests.case import LENGTH, VmCase, figures

COUNT = 400 * LENGTH
DEEP = 5_000 * LENGTH  # 64 at a time, when each takes a sixtieth of the time
POLLED = 1_000 * LENGTH  # on a busy machine, a polling side waits for its CPU
EVERY_WAY = "bell ring --ktap --device echo,digest --worker all --kick all --wait all"
WAYS = 2 * 3 * 3 * 3


class Rings(VmCase):
    def test_one_boot(self) -> None:
        runs = self.ring(f"{EVERY_WAY} --count {COUNT}", f"{EVERY_WAY} --count {DEEP} --depth 64",
                         "bell break", devices=("echo", "digest"), smp=2)
        self.assertEqual(len(runs), 2 * WAYS)
        self.assertEqual([run["rings"] for run in runs], [COUNT] * WAYS + [DEEP] * WAYS)

    def test_both_sides_poll(self) -> None:
        for poll in ("adaptive", "always"):
            runs = self.ring(f"bell ring --ktap --poll all --depth 1,64 --count {POLLED}",
                             devices=("echo",), smp=1, device_options=("--poll", poll))
            self.assertEqual([run["rings"] for run in runs], [POLLED] * (3 * 2))
            for run in runs:
                if run["polling"] == "always":  # a polling side wants neither interrupt nor ring
                    self.assertLess(run["interrupts"], POLLED / 10)
                if poll == "always":
                    self.assertLess(run["doorbells"], POLLED / 10)

    def test_the_modules_threads_poll(self) -> None:
        runs = self.ring("echo 200 >/sys/module/bellwire/parameters/poll_us",
                         f"bell ring --ktap --worker read,poll --poll all --depth 1,64 "
                         f"--count {POLLED}", devices=("echo",), smp=2,
                         device_options=("--poll", "adaptive"))
        self.assertEqual([run["rings"] for run in runs], [POLLED] * (2 * 3 * 2))

    def test_moderated_interrupts(self) -> None:
        runs = self.ring(f"bell ring --ktap --wait all --depth 64 --count {POLLED}",
                         devices=("echo",), smp=1, device_options=("--moderate", "500"))
        self.assertEqual([run["rings"] for run in runs], [POLLED] * 3)

    def test_requests_that_are_completed_later(self) -> None:
        runs = self.ring(f"bell ring --ktap --device delay --kick all --depth 1,64 --count {COUNT}",
                         devices=("delay",), smp=1)
        self.assertEqual([run["rings"] for run in runs], [COUNT] * (3 * 2))

    def ring(self, *commands: str, **wires: Any) -> list[dict[str, Any]]:
        lab = self.lab(**wires)
        lab.start()
        vm = self.boot(lab, *commands)
        self.finish(vm)
        lab.check()
        return figures(vm.results.path.read_text())
