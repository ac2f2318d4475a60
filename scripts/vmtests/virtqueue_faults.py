# SPDX-License-Identifier: BSD-3-Clause
"""Faults of completions on virtqueues, with Linux's own drivers: what is late costs time, what is lost is
waited for, and what was never asked for is refused. And an eventfd that is exchanged loses nothing."""

import subprocess
from pathlib import Path

import pytest

from bellwire.core.places import ROOT
from bellwire.labs.guest_disk import READS
from bellwire.labs.lab import Lab
from bellwire.plugin.run import Faults
from vmtests.case import LIMIT, boot, finish

# Of 200 reads, one at a time.
DISK = {
    "stall completion every 10 1ms": "",
    "swap interrupt every 3": "",
    "corrupt completion 50": "1 wrong bytes",
    "double completion 50": "is not a head",
    "misroute completion 50": "is not a head",
    "drop completion 50": "a request of the disk is never returned"}


@pytest.mark.transport("vhost-user", "vfio-user")
@pytest.mark.device("blk=64M")
@pytest.mark.parametrize("plan", DISK)
def test_what_becomes_of_a_disks_completions(lab: Lab, faults: Faults, plan: str) -> None:
    faults.inject(plan)
    run = lab.boot().run(f"{READS}\nreads 200", LIMIT)
    assert run.status == (1 if DISK[plan] else 0), run
    assert DISK[plan] in run.stderr, run
    lab.devices[0].stop()
    assert faults.injected()[plan] >= 1, faults.injected()


@pytest.mark.transport("vhost-user", "vfio-user")
@pytest.mark.device("rng")
@pytest.mark.fault("stall completion every 5 1ms; corrupt completion every 7")
def test_a_source_of_random_bytes_bears_what_is_late_or_changed(lab: Lab, faults: Faults) -> None:
    run = lab.boot().run("head -c 4096 /dev/hwrng | wc -c", LIMIT)
    assert run.stdout.split() == ["4096"], run
    lab.devices[0].stop()
    assert all(faults.injected().values()), faults.injected()


# Guest N has the address 10.9.0.N.
NETWORK = """
soon() { for try in $(seq 60); do "$@" && return; sleep 1; done; return 1; }
soon [ -e /sys/class/net/eth0 ] || exit
ip link set eth0 up; ip addr add 10.9.0.%d/24 dev eth0
echo 'KTAP version 1'; echo 1..1
"""
COPY = 256 << 10  # bytes
TAKER = NETWORK % 1 + f"""
mkfifo /run/silent; exec 9<>/run/silent
nc -l -p 5000 <&9 | cmp -n {COPY} - /dev/zero && echo 'ok 1 the copy has come' || echo 'not ok 1 the copy'
"""
SENDER = NETWORK % 2 + f"""
soon ping -q -c 1 -W 1 10.9.0.1 >/dev/null
head -c {COPY} /dev/zero | nc 10.9.0.1 5000 && echo 'ok 1 a copy is sent' || echo 'not ok 1 a copy is sent'
"""


@pytest.mark.transport("vhost-user")
@pytest.mark.device("net")
@pytest.mark.machine(guests=2)
@pytest.mark.fault("drop completion every 60; stall completion every 11 1ms")
def test_a_network_sends_again_what_was_lost(lab: Lab, faults: Faults) -> None:
    guests = [boot(lab, script) for script in (TAKER, SENDER)]
    for guest in guests:
        finish(guest)
    lab.devices[0].stop()
    assert all(faults.injected().values()), faults.injected()


# QEMU masks a vector that is moved to another CPU: the ring's call is another eventfd meanwhile. On a fast
# machine bytes are read faster than a vector is moved, so both go on until there were enough moves.
MOVES = """
irq=$(grep -m 1 'virtio.*-input' /proc/interrupts | cut -d : -f 1)
(while [ ! -e /run/done ]; do head -c 20000 /dev/hwrng | wc -c; done; touch /run/ended) &
cpu=1
for move in $(seq 200); do cpu=$((3 - cpu)); echo $cpu >/proc/irq/$((irq))/smp_affinity; done
touch /run/done
while [ ! -e /run/ended ]; do cpu=$((3 - cpu)); echo $cpu >/proc/irq/$((irq))/smp_affinity; done
wait
"""
SET_VRING_CALL = "vhost_user_write req:13 "  # in QEMU's trace


def test_a_call_that_qemu_exchanges_loses_nothing(tmp_path: Path) -> None:
    run = subprocess.run(
        [ROOT / "scripts/boot-vm", "--transport", "vhost-user", "--device", "rng", "--smp", "2",
         "--qemu-arg=-trace", "--qemu-arg=vhost_user_write", "--run-dir", tmp_path / "run",
         "--timeout", str(LIMIT), "--", "sh", "-c", MOVES],
        capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert set(run.stdout.split()) == {"20000"}, run
    exchanged = (tmp_path / "run/qemu.log").read_text().count(SET_VRING_CALL)
    assert exchanged > 20, exchanged
