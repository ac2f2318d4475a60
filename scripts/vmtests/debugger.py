# SPDX-License-Identifier: BSD-3-Clause
"""A guest under gdb, with the names of its kernel, of our module and of the program."""

import re
import signal
import subprocess

from vmtests.boot_vm import BOOT_VM, LIMIT

INTERRUPT = "pci_interrupt"  # the module's handler


def test_a_back_trace_in_an_interrupt_handler_has_names() -> None:
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
    assert re.search(r"(?m)^#0 .* in main \(\)", gdb.stdout), gdb.stderr
    assert f" {INTERRUPT} (irq=" in gdb.stdout
    assert f"irqreturn_t {INTERRUPT}(int irq" in gdb.stdout  # of the source
    assert re.search(r"module/pci\.c:[0-9]+", gdb.stdout)
    assert "__handle_irq_event_percpu" in gdb.stdout
    assert vm.returncode == 0, stderr
    assert "10" in stdout
