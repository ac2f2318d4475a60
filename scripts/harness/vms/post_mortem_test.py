# SPDX-License-Identifier: BSD-3-Clause
import tempfile
import unittest
from pathlib import Path
from typing import Any, cast
from unittest import mock

from bellwire.vms import post_mortem
from bellwire.vms.post_mortem import PostMortem
from bellwire.vms.qmp import Qmp, QmpError

# Shortened, of a guest with three CPUs: one in a program, one in a driver, one idle.
CONSOLE = """\
[    0.100000] mine: probed
[   21.198983] Uhhuh. NMI received for unknown reason 31 on CPU 0.
[   21.200864] Kernel panic - not syncing: NMI: Not continuing
[   21.211068] NMI backtrace for cpu 0
[   21.211096] CPU: 0 PID: 127 Comm: sh Tainted: G          IOE      6.1.0-56-cloud-amd64 #1
[   21.211113] Call Trace:
[   21.211121]  <TASK>
[   21.211125]  dump_stack_lvl+0x44/0x5c
[   21.211215]  exc_nmi+0x11e/0x150
[   21.211223]  asm_exc_nmi+0xb3/0xfc
[   21.211231] RIP: 0033:0x530cb0
[   21.211281]  </TASK>
[   21.213781] Sending NMI from CPU 0 to CPUs 1-2:
[   21.237532] NMI backtrace for cpu 1 skipped: idling at native_safe_halt+0xb/0x10
[   21.237600] NMI backtrace for cpu 2
[   21.237601] CPU: 2 PID: 9 Comm: kworker/2:0 Not tainted 6.1.0-56-cloud-amd64 #1
[   21.237602] RIP: 0010:mine_wait+0x8/0x20 [mine]
[   21.237603] Call Trace:
[   21.237604]  <TASK>
[   21.237605]  mine_work+0x10/0x30 [mine]
[   21.237606]  ? guess+0x1/0x2
[   21.237607]  process_one_work+0x1d6/0x3c0
[   21.237608]  </TASK>
[   21.257636] Kernel Offset: 0x18600000 from 0xffffffff81000000
"""
BUSES = [{"bus": 0, "devices": [
    {"bus": 0, "slot": 8, "function": 0, "qdev_id": "port0", "regions": [],
     "id": {"vendor": 0x1b36, "device": 0xc},
     "pci_bridge": {"devices": [
         {"bus": 1, "slot": 0, "function": 0, "qdev_id": "wire0",
          "id": {"vendor": 0x1af4, "device": 0x1110},
          "regions": [{"bar": 0, "size": 256, "address": 0xfe000000},
                      {"bar": 2, "size": 4 << 20, "address": -1}]}]}}]}]


class PostMortemTest(unittest.TestCase):
    def setUp(self) -> None:
        self.console = Path(self.enterContext(tempfile.TemporaryDirectory()), "console")
        self.console.write_text(CONSOLE)

    def test_what_each_cpu_was_at(self) -> None:
        found = post_mortem.read(self.console, [])
        self.assertEqual(found.cpus, ["0: sh, in its program", "1: idle in native_safe_halt",
                                      "2: kworker/2:0, in mine_wait mine_work process_one_work"])
        self.assertEqual(found.console, ["[    0.100000] mine: probed"])

    def test_what_is_mapped_behind_bridges(self) -> None:
        qmp: Any = mock.Mock()
        qmp.command.return_value = BUSES
        self.assertEqual(post_mortem.mapped(cast(Qmp, qmp)),
                         ["wire0 (1af4:1110): BAR0 0x100 at 0xfe000000, BAR2 0x400000 nowhere"])
        qmp.command.side_effect = QmpError("gone")
        self.assertEqual(post_mortem.mapped(cast(Qmp, qmp)), [])

    def test_it_fits_a_screen(self) -> None:
        found = PostMortem(["0: idle"], [f"task{number}" for number in range(100)], ["last"])
        lines = list(found.lines())
        self.assertLessEqual(len(lines), post_mortem.SHOWN + 3)
        self.assertEqual(lines[0], "CPU: 0: idle")
        self.assertIn("task: 81 more in result.json", lines)
        self.assertIn("console: 1 more in result.json", lines)
