# SPDX-License-Identifier: BSD-3-Clause
import tempfile
import unittest
from pathlib import Path

from bellwire.report import logs

CONSOLE = """\
[    1.000000] bellwire: loading out-of-tree module taints kernel.
[    2.000000] ------------[ cut here ]------------
[    2.000001] WARNING: CPU: 0 PID: 77 at queue.c:12 claim+0x1/0x2 [bellwire]
[    3.000000][  T1] BUG: kernel NULL pointer dereference, address: 0000000000000000
[    3.100000] Kernel panic - not syncing: Fatal exception
"""
TASKS = """\
[    5.000000] task:kthreadd        state:S stack:0     pid:2     ppid:0      flags:0x00004000
[    5.000001]  <TASK>
[    5.000002]  kthreadd+0x2bc/0x2d0
[    5.000003]  </TASK>
[    5.000004] task:kworker/0:0     state:I stack:0     pid:7     ppid:2      flags:0x00004000
[    5.000005]  worker_thread+0x1/0x2
[    5.000006]  </TASK>
[    5.000007] task:kworker/1:0     state:D stack:0     pid:8     ppid:2      flags:0x00004000
[    5.000008]  __schedule+0x34d/0xa00
[    5.000009]  ? kthread_is_per_cpu+0x30/0x30
[    5.000010]  signal_it.part.0+0x1/0x2 [bellwire]
[    5.000011]  </TASK>
[    5.000012] task:bell            state:R  running task     stack:0     pid:9     ppid:1
[    5.000013]  panic+0x1/0x2
[    5.000014] RIP: 0033:0x52e668
[    5.000015]  </TASK>
[    5.000016] cpu#0, 2300.068 MHz
"""
LOST_KICK = "request 49: submitted 1.5 s ago, its kick never seen: lost kick"
LOST_INTERRUPT = ("request 7: completion posted and interrupt raised 12.0 s ago, no interrupt "
                  "taken: lost interrupt")
PAUSED = ("request 7: completion posted and interrupt raised 3.0 s ago, no interrupt taken: "
          "the driver is paused")
GONE = ("request 3: doorbell written 2.5 s ago, never seen by the device: the device is gone; "
        "start it again on the host")
LOG = f"""\
bellwire: info: echo runs on ivshmem:socket
bellwire: warning: echo: queue 0: {LOST_KICK}
bellwire: warning: echo: the driver broke queue 3 (reason 1, value 0x9); it is served again
bellwire: warning: echo: queue 31: {LOST_INTERRUPT}
bellwire: warning: echo: queue 1: {PAUSED}
bellwire: warning: echo: queue 2: request 8: submitted 1.5 s"""
ERRORS = f"""\
what hangs is told: {LOST_KICK}
bell: /dev/bellwire0: the device is gone, and 1 requests were under way
bell: {LOST_KICK}
bell: {GONE}
"""


class ConsoleTest(unittest.TestCase):
    def setUp(self) -> None:
        self.log = Path(self.enterContext(tempfile.TemporaryDirectory())) / "console.log"

    def test_complaints(self) -> None:
        self.log.write_text(CONSOLE)
        self.assertEqual(logs.complaints(self.log), [
            "WARNING: CPU: 0 PID: 77 at queue.c:12 claim+0x1/0x2 [bellwire]",
            "BUG: kernel NULL pointer dereference, address: 0000000000000000",
        ])

    def test_panic(self) -> None:
        self.log.write_text(CONSOLE)
        self.assertEqual(logs.panic(self.log), "Fatal exception")

    def test_stacks(self) -> None:
        self.log.write_text(TASKS)
        self.assertEqual(logs.stacks(self.log),
                         ["kworker/1:0 (D): __schedule signal_it", "bell (R): panic"])

    def test_quiet_or_missing_log(self) -> None:
        self.assertEqual(logs.stacks(self.log), [])
        self.assertEqual(logs.complaints(self.log), [])
        self.assertIsNone(logs.panic(self.log))


class HangsTest(unittest.TestCase):
    def setUp(self) -> None:
        self.log = Path(self.enterContext(tempfile.TemporaryDirectory())) / "device-0.log"

    def test_a_devices_log(self) -> None:
        self.log.write_text(LOG)  # the last line was cut short
        self.assertEqual(logs.hangs(self.log), [f"echo: queue 0: {LOST_KICK}",
                                                f"echo: queue 31: {LOST_INTERRUPT}"])

    def test_what_a_process_in_the_guest_says(self) -> None:
        self.log.write_text(ERRORS)
        self.assertEqual(logs.hangs(self.log), [f"bell: {LOST_KICK}"])
        self.assertEqual(logs.interruptions(self.log), [f"bell: {GONE}"])

    def test_a_pause_is_no_hang(self) -> None:
        self.log.write_text(LOG)
        self.assertEqual(logs.interruptions(self.log), [f"echo: queue 1: {PAUSED}"])

    def test_stacks(self) -> None:
        self.log.write_text(TASKS)
        self.assertEqual(logs.stacks(self.log),
                         ["kworker/1:0 (D): __schedule signal_it", "bell (R): panic"])

    def test_quiet_or_missing_log(self) -> None:
        self.assertEqual(logs.stacks(self.log), [])
        self.assertEqual(logs.hangs(self.log), [])
        self.log.touch()
        self.assertEqual(logs.hangs(self.log), [])
