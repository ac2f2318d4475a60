# SPDX-License-Identifier: BSD-3-Clause
import subprocess
import unittest

from bellwire.commands.fault_table import said
from bellwire.core.places import HarnessError


def run(status: int, out: str = "", error: str = "") -> "subprocess.CompletedProcess[str]":
    return subprocess.CompletedProcess([], status, out, error)


class FaultTableTest(unittest.TestCase):
    def test_each_end_of_a_run_has_a_name(self) -> None:
        hang = "request 7: submitted 5.0 s ago, its kick never seen: lost kick\n"
        counts = "300 requests at depth 1: 299 answered, 1 lost, 0 wrong, 2 unexpected, 0 hung\n"
        in_a_vm = ("bellwire: delay: queue 0: request 49: submitted 10.0 s ago, taken: stuck device; see "
                   "/run/device-0.log\n")
        for ended, outcome in ((run(0), "borne"), (run(-9), "the process is killed"),
                               (run(125, "", "device 0 (delay) was killed by SIGKILL"),
                                "the process is killed"),
                               (run(0, "", "device 0 (delay) was started again 3 times"),
                                "the next process goes on"),
                               (run(0, "", "the guest was reset, by …"), "the guest begins again"),
                               (run(124, "", in_a_vm), "hangs: stuck device"),
                               (run(124, "", "bell: request 49: taken by the device 10.4 s ago, not completed "
                                             "yet: the device is at work on it\n"),
                                "waits for the device"),
                               (run(1, "", "a request of the disk is never returned\n"), "hangs"),
                               (run(1, "", "virtio_blk virtio0: req.0:id 0 is not a head!\n"),
                                "refused: a request that was never submitted"),
                               (run(1, "", "1 wrong bytes\n"), "found: 1 wrong"),
                               (run(1, "", "100 completions, 0 lost, 1 duplicated"),
                                "found: 1 unexpected"),
                               (run(1, f"said\n{hang}"), "hangs: lost kick"),
                               (run(1, counts), "found: 1 lost, 2 unexpected"),
                               (run(1, "", "bellwire: a request that was never submitted"),
                                "refused: a request that was never submitted")):
            self.assertEqual(said(ended), outcome)
        with self.assertRaisesRegex(HarnessError, "ended with 2: no such"):
            said(run(2, "", "no such option"))
