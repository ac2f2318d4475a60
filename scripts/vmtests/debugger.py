# SPDX-License-Identifier: BSD-3-Clause
"""A guest under gdb, with the names of its kernel, of our module and of the program."""

import signal
import subprocess
import unittest

from vmtests.boot_vm import BOOT_VM, LIMIT

INTERRUPT = "pci_interrupt"  # the module's handler


class Debugger(unittest.TestCase):
    def test_a_back_trace_in_an_interrupt_handler_has_names(self) -> None:
        with subprocess.Popen([BOOT_VM, "--gdb", "--", "bell", "ring", "--count", "10"],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True) as vm:
            assert vm.stderr
            try:
                script = next(line for line in vm.stderr if "gdb -x" in line).rpartition(" ")[2]
                gdb = subprocess.run(
                    ["gdb", "-nx", "-batch", "-x", script.strip(), "-ex", "break main",
                     "-ex", f"break {INTERRUPT}", "-ex", "continue", "-ex", "bt",
                     "-ex", "continue", "-ex", "bt", "-ex", "list", "-ex", "delete", "-ex", "detach"],
                    stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT)
                stdout, stderr = vm.communicate(timeout=LIMIT)
            finally:
                if vm.poll() is None:
                    vm.send_signal(signal.SIGTERM)
        self.assertRegex(gdb.stdout, r"(?m)^#0 .* in main \(\)", gdb.stderr)
        self.assertIn(f" {INTERRUPT} (irq=", gdb.stdout)
        self.assertIn(f"irqreturn_t {INTERRUPT}(int irq", gdb.stdout)  # of the source
        self.assertRegex(gdb.stdout, r"module/pci\.c:[0-9]+")
        self.assertIn("__handle_irq_event_percpu", gdb.stdout)
        self.assertEqual(vm.returncode, 0, stderr)
        self.assertIn("10", stdout)
