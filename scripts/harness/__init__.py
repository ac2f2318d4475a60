# SPDX-License-Identifier: BSD-3-Clause
"""Test machines with their wires and devices, for tests in Python.

    import bellwire

    with bellwire.lab(["echo"], kernel="6.12") as lab:
        vm = lab.boot()
        assert vm.run("bell ring --count 1000").status == 0
        lab.devices[0].kill()            # SIGKILL, in full traffic
        lab.devices[0].start()           # the same wires again
        with lab.trace() as trace:
            vm.run("bell ring --count 100")
    assert not lab.findings()            # no hang, no warning of the kernel, no failed device

`lab` makes a `Lab`: devices (`Device`), programs of one's own that serve one (`Program`), and VMs
(`Vm`), which start together and end together. `Trace` has the hops of each request. All are used
from the main thread. What goes wrong with them is a `HarnessError`, whose text is one line.

pytest has the same as fixtures: `bellwire.plugin`.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bellwire.core.places import HarnessError, Missing
    from bellwire.face.lab import lab
    from bellwire.labs.findings import Findings
    from bellwire.labs.lab import Lab
    from bellwire.labs.processes import Device
    from bellwire.labs.served import Program
    from bellwire.labs.trace import Request, Trace
    from bellwire.vms.session import Completed
    from bellwire.vms.vm import Vm

# Loaded when they are used: the scripts begin with this module, too, and need few of them.
_PLACES = {
    "HarnessError": "core.places", "Missing": "core.places", "lab": "face.lab", "Findings": "labs.findings",
    "Lab": "labs.lab", "Device": "labs.processes", "Program": "labs.served",
    "Request": "labs.trace", "Trace": "labs.trace", "Completed": "vms.session", "Vm": "vms.vm",
}
__all__ = ["Completed", "Device", "Findings", "HarnessError", "Lab", "Missing", "Program", "Request",
           "Trace", "Vm", "lab"]

if not TYPE_CHECKING:
    def __getattr__(name):
        import importlib

        if name not in _PLACES:
            raise AttributeError(f"module 'bellwire' has no '{name}'")
        return getattr(importlib.import_module(f"bellwire.{_PLACES[name]}"), name)
