# SPDX-License-Identifier: BSD-3-Clause
"""`bellwire device --fault`: what each action does to a run, and what is said of it."""

import re
import signal
import subprocess
import sys
import unittest

from program import PROGRAM, ROOT, pipe
from programs_test import FAILED, PATIENCE, USAGE, ProgramCase, served, why_no_kvm

sys.path.insert(0, str(ROOT / "scripts/python"))
from bellwire.commands import fault_table  # noqa: E402

# None of these loses anything: every request is answered. On a busy machine hundreds of signals may
# come as a few dozen, so the plans choose often.
HARMLESS = ("delay doorbell every 4 1us..100us", "delay interrupt every 4 1us..100us",
            "double doorbell every 4", "double interrupt every 4",
            "merge doorbell every 4 100us", "merge interrupt every 4 100us",
            "invent doorbell 10us..100us", "invent interrupt 10us..100us",
            "stall doorbell every 4 1ms", "stall interrupt every 4 1ms")


class Faults(ProgramCase):
    def run_with(self, *plans: str, rings: int = 500) -> subprocess.CompletedProcess[str]:
        return self.run_program("device", "echo", "--on", f"in-process:rings={rings}",
                                *(word for plan in plans for word in ("--fault", plan)))

    def injected(self, said: str) -> dict[str, int]:
        """By rule."""
        report = re.findall(r"(?m)^bellwire: warning: faults injected: (.*)$", said)
        self.assertEqual(len(report), 1, said)
        return {rule: int(times) for times, rule in re.findall(r"(\d+) by '([^']+)'", report[0])}

    def test_what_loses_nothing_fails_nothing(self) -> None:
        for plan in HARMLESS:
            with self.subTest(plan):
                run = self.run_with(plan)
                self.assertEqual(run.returncode, 0, run.stderr)
                self.assertIn("500 answered, 0 lost, 0 wrong, 0 unexpected, 0 hung", run.stdout)
                (times,) = self.injected(run.stderr).values()
                self.assertGreater(times, 0)
                self.assertIn(f"fault: {' '.join(plan.split()[:2])} ", run.stderr)

    def test_what_is_lost_is_recovered(self) -> None:
        for depth in (1, 16):
            with self.subTest(f"depth {depth}"):
                run = self.run_program("device", "echo", "--on", f"in-process:rings=3000,depth={depth}",
                                       "--fault", "drop doorbell every 20; drop interrupt every 20")
                self.assertEqual(run.returncode, 0, run.stderr)
                self.assertIn("3000 answered, 0 lost, 0 wrong, 0 unexpected, 0 hung", run.stdout)
                self.assertRegex(run.stdout, r"(?m)^recovered: \d+ doorbells, \d+ interrupts that had "
                                             "not come$")

    def test_plans_add_up(self) -> None:
        run = self.run_with("double doorbell 5; seed 3", "stall interrupt 7 1ms\ndrop doorbell 5000")
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertEqual(self.injected(run.stderr), {
            "double doorbell 5 100us": 1, "stall interrupt 7 1ms": 1, "drop doorbell 5000": 0})
        self.assertRegex(run.stderr, r"fault: double doorbell 5 on wire 0 \(100\.0 us\), newest "
                                     r"request \d+\n")

    def test_a_crash_leaves_only_its_log(self) -> None:
        for plan in ("crash doorbell 5", "crash completion 5"):
            with self.subTest(plan):
                run = self.run_with(plan)
                self.assertEqual(run.returncode, -signal.SIGKILL)
                self.assertEqual(run.stdout, "")
                self.assertEqual(self.injected(run.stderr), {plan: 1})

    def test_a_completion_that_is_wrong_is_refused(self) -> None:
        for plan, said in (("corrupt completion 50", "0 lost, 1 wrong, 0 unexpected, 0 hung"),
                           ("misroute completion 50", "unexpected"),
                           ("double completion 50", "completed a request that was never submitted"),
                           ("drop completion 50", "stuck device")):
            with self.subTest(plan):
                run = self.run_with(plan)
                self.assertEqual(run.returncode, FAILED, run.stderr)
                self.assertIn(said, run.stdout + run.stderr)
                self.assertEqual(self.injected(run.stderr), {plan: 1})

    def test_what_a_device_has_not_can_not_go_wrong(self) -> None:
        for device, on, plan, said in (
                ("edu", "vfio-user:{}", "drop completion 5", "edu has neither a ring nor a virtqueue"),
                ("edu", "vfio-user:{}", "swap interrupt 5", "has its interrupts' eventfds from its client"),
                ("rng", "vhost-user:{}", "scramble completion", "rng has no ring of ours on 'vhost-user:"),
                ("echo", "vfio-user:{},virtio=1", "scramble completion", "echo has no ring of ours on")):
            with self.subTest(device):
                run = self.run_program("device", device, "--on", on.format(self.socket), "--fault", plan)
                self.assertEqual(run.returncode, USAGE, run.stderr)
                self.assertIn(said, run.stderr)
                self.assertEqual(run.stderr.count("\n"), 1)

    def test_what_becomes_of_each_fault_is_what_the_page_says(self) -> None:
        for name in fault_table.IN_PROCESS:
            with self.subTest(name):
                self.assertEqual(fault_table.column(name, PROGRAM), fault_table.written(name))

    @unittest.skipIf(why_no_kvm(), why_no_kvm())
    def test_what_becomes_of_each_fault_on_kvm_is_what_the_page_says(self) -> None:
        for name in fault_table.ON_KVM:
            self.assertEqual(fault_table.column(name, PROGRAM), fault_table.written(name))

    def test_a_signal_ends_a_stall(self) -> None:
        device = self.start("device", "echo", "--on", "in-process:rings=500", "--fault",
                            "stall doorbell 5 60s")
        self.assertTrue(any("fault: stall" in line for line in pipe(device.stderr)))
        device.terminate()
        self.assertEqual(device.wait(PATIENCE), 0)

    def test_top_counts_while_it_runs(self) -> None:
        self.start("device", "delay", "--on", "in-process:rings=1000000", "--control", self.socket,
                   "--fault", "double interrupt every 100 1us; drop doorbell 999999999999")
        self.until(lambda: served(self.socket))
        self.until(lambda: any(self.counted()))

    def counted(self) -> list[int]:
        run = self.run_program("top", self.socket, "--interval", "0.1", "--times", "3")
        counts = re.findall(r"(?m)^delay +injected (\d+) times: double interrupt every 100 1us"
                            r"(?:; last at request \d+(?:, answered|, under way)?)?$", run.stdout)
        self.assertEqual(len(counts), 3, run.stdout)
        self.assertIn("injected 0 times: drop doorbell 999999999999\n", run.stdout)
        return [int(times) for times in counts]


if __name__ == "__main__":
    unittest.main()
