# SPDX-License-Identifier: BSD-3-Clause
"""The demo of a network: two guests, whose cards are ports of one switch, a process of ours, ping each
other over vhost-user."""

import re

from bellwire.commands.demo_frame import Frame, Part
from bellwire.core.places import HarnessError
from bellwire.labs.lab import Lab
from bellwire.report import logs
from bellwire.report.figures import Column, TextTable
from bellwire.vms.vm import Vm

PICTURE = """
Two guests ping each other through a switch

 guest 1                                   host                                   guest 2
 ping ─▶ virtio_net ◀──QEMU──▶ device "net", a learning switch, C++ ◀──QEMU──▶ virtio_net ─▶ answer
"""
TRANSPORT = "vhost-user"
TABLE = TextTable((Column("", 18, left=True), Column("sent", 5), Column("answered", 8),
                   Column("least ms", 8, decimals=1), Column("mean ms", 7, decimals=1),
                   Column("most ms", 7, decimals=1)))
PINGS = 200  # each way
LIMIT = 300.0  # seconds: a bound, not a goal
_COUNTS = re.compile(r"(\d+) packets transmitted, (\d+) packets received")
_TIMES = re.compile(r"min/avg/max = ([\d.]+)/([\d.]+)/([\d.]+) ms")
# Guest 1 listens when it has no pings left to send, and ends when guest 2 has called.
SCRIPT = """
until [ -e /sys/class/net/eth0 ]; do usleep 10000; done
ip link set eth0 up
ip addr add 10.9.0.{own}/24 dev eth0
until ping -q -c 1 -W 1 10.9.0.{other} >/dev/null; do :; done
ping -A -q -c {pings} 10.9.0.{other}
{end}
"""
ENDS = ("nc -l -p 5000 >/dev/null", "until nc 10.9.0.1 5000 </dev/null; do usleep 50000; done")


def run(frame: Frame) -> Part:
    folder = frame.folder / "network"
    folder.mkdir()
    print(PICTURE, flush=True)
    with Lab(frame.config, folder, ("net",), guests=2, transport=TRANSPORT) as lab:
        lab.start()
        vms = [_boot(lab, own, other, end) for own, other, end in zip((1, 2), (2, 1), ENDS)]
        verdicts = [vm.wait(LIMIT, lab.check) for vm in reversed(vms)]
    print(TABLE.heading())
    rows = [counted(vm) for vm in vms]
    for number, row in enumerate(rows, 1):
        print(TABLE.row([f"guest {number} to guest {3 - number}", *row]), flush=True)
    troubles = [verdict.reason for verdict in verdicts if verdict.status]
    troubles += [line for vm in vms for line in logs.complaints(vm.console)]
    answered = int(sum(row[1] for row in rows if row))
    if answered != 2 * PINGS:
        troubles.append(f"{answered} of {2 * PINGS} pings were answered")
    return Part({"pings": 2 * PINGS, "answered": answered}, troubles,
                f"{answered} pings between two guests, all answered")


def _boot(lab: Lab, own: int, other: int, end: str) -> Vm:
    vm = lab.vm(["sh", "-c", SCRIPT.format(own=own, other=other, pings=PINGS, end=end)])
    if death := vm.boot(watch=lab.check):
        raise HarnessError(death.reason)
    return vm


def counted(vm: Vm) -> list[float]:
    """What ping counted: sent, answered, and the round trips; empty if it did not."""
    said = vm.stdout.path.read_text()
    counts, times = _COUNTS.search(said), _TIMES.search(said)
    return [*map(int, counts.groups()), *map(float, times.groups())] if counts and times else []
