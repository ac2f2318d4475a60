# SPDX-License-Identifier: BSD-3-Clause
"""How often a device, a switchboard and a driver wake up that have nothing to do.

The driver has a queue, a worker's thread and rings that it has had; then its
process is stopped. It leaves completions that nobody takes, so the device's
watchdog looks on for 3 s: it repairs what might be lost, and reports a pause.
The count begins after that. One way rings on, and must be seen to wake everybody;
and whatever was idle must work afterwards, since the dead wake up least of all.
"""

import re
from collections.abc import Callable
from pathlib import Path

from bellwire.bench.rings import vm_config
from bellwire.bench.suite import Figures, Ratio, Suite
from bellwire.core import runs
from bellwire.core.places import HarnessError
from bellwire.labs.lab import Lab
from bellwire.labs.processes import Process
from bellwire.vms import toolbox
from bellwire.vms.qemu import VmConfig

SECONDS = 5
LIMIT = 60.0

# The trace shows what the module's timers, works and threads do, and what wakes its process.
GUEST = f"""exec >/run/bellwire/results
trace=/sys/kernel/tracing
mount -t tracefs none $trace 2>/dev/null
bell ring --count 4000000000 --worker read >/dev/null & ringer=$!
sleep 1
%s
sleep 5
for event in timer/timer_expire_entry workqueue/workqueue_execute_start sched/sched_wakeup; do
    echo 1 >$trace/events/$event/enable || exit 1
done
echo >$trace/trace
echo '# begin'
sleep {SECONDS}
echo 0 >$trace/tracing_on
kill -9 $ringer; wait $ringer
echo '# end' $(grep -cE '\\[bellwire\\]|comm=(bell |bell$|bellwire/)' $trace/trace)
sleep 3  # the host counts up to here
exec bell ring --count 100 >/dev/null  # all of them still work
"""


def switches(process: Process) -> int:
    """Context switches of all its threads so far. Raises if the process has ended."""
    process.check()
    found = [re.findall(r"ctxt_switches:\t(\d+)", status.read_text())
             for status in Path(f"/proc/{process.pid}/task").glob("*/status")]
    if not any(found):
        raise HarnessError(f"{process.what} isn't running; its log: {process.log}")
    return sum(int(number) for numbers in found for number in numbers)


def _watch(on: VmConfig, transport: str, idle: bool) -> Figures:
    with Lab(on, runs.create(), transport=transport) as lab:
        lab.start()
        vm = lab.vm(["sh", "-c", GUEST % ("kill -STOP $ringer" if idle else ":")])
        if death := vm.boot(watch=lab.check):
            raise HarnessError(death.reason)
        counts = []
        for word in ("# begin", "# end"):
            if not vm.until(lambda: word in vm.results.path.read_text(), LIMIT):
                raise HarnessError(f"the guest never said '{word}'; see {vm.folder}")
            counts.append([switches(process) for process in lab.processes])
        verdict = vm.wait(LIMIT)
        if verdict.status:
            raise HarnessError(f"in the guest: {verdict.reason}; see {vm.folder}")
        (guest,) = re.findall(r"# end (\d+)", vm.results.path.read_text())
    host = sum(counts[1]) - sum(counts[0])
    if not idle and not (host and int(guest)):
        raise HarnessError(f"ringing woke the host {host} times and the guest {guest} times: "
                           "what counts wake-ups doesn't")
    return {"host": host / SECONDS, "guest": int(guest) / SECONDS}


def _way(transport: str, idle: bool = True) -> Callable[[VmConfig, int], Figures]:
    return lambda on, _: _watch(on, transport, idle)


RINGING, WIRES, CARD = "ringing, ivshmem", "idle, ivshmem", "idle, vfio-user"
IDLE = Suite(
    what="wake-ups of processes and a driver that have nothing to do",
    config=lambda: vm_config(toolbox.find(toolbox.VFIO_USER, "vfio-user-pci"), True),
    ways={RINGING: _way("ivshmem", idle=False), WIRES: _way("ivshmem"),
          CARD: _way("vfio-user")},
    columns={"host": "wake-ups per second on the host", "guest": "in the guest"},
    ratios=tuple(Ratio(f"wake-ups per second, {way}, {where}", key, way, None, 0)
                 for way in (WIRES, CARD)
                 for key, where in (("host", "on the host"), ("guest", "in the guest"))))
