# SPDX-License-Identifier: BSD-3-Clause
"""VMs on the ports of one switch, `bellwire device net`, with Debian's own virtio_net."""

import re

import pytest

from bellwire import Lab, Vm
from bellwire.plugin import Faults
from vmtests.case import LENGTH, LIMIT, boot, finish

# How much goes through the switch; emulated guests take their time for it.
PINGS = 1_000 * LENGTH
COPY = (4 if LENGTH == 1 else 64) << 20  # bytes

# Guest N has the address 10.9.0.N. `ping -A` sends the next one as soon as the last is answered.
NETWORK = """
tell() { n=$((n + 1)); what=$1; shift; "$@" && echo "ok $n $what" || echo "not ok $n $what"; }
soon() { for try in $(seq 60); do "$@" && return; sleep 1; done; return 1; }
soon [ -e /sys/class/net/eth0 ] || exit
ip link set eth0 up; ip addr add 10.9.0.%d/24 dev eth0
there() { soon ping -q -c 1 -W 1 10.9.0.$1 >/dev/null; }
all_answered() { ping -A -q -c $2 10.9.0.$1 | tee /run/said | grep -q " $2 packets received"; }
echo 'KTAP version 1'
"""

# Both ends of a copy report its checksum, and the test compares them.
TAKER = NETWORK % 1 + """
echo 1..1
mkfifo /run/silent; exec 9<>/run/silent  # an end of its input would end the connection
nc -l -p 5000 <&9 >/run/copy
tell 'the copy has come' [ $(wc -c </run/copy) = %d ]
echo "# sum $(md5sum </run/copy)"
""" % COPY

SENDER = NETWORK % 2 + """
echo 1..4
there 1; there 3
tell 'half of the pings are answered' all_answered 1 {half}
echo '# half'
tell 'the others as well' all_answered 1 {half}
head -c {copy} /dev/urandom >/run/copy
tell 'a copy is sent' sh -c 'nc 10.9.0.1 5000 </run/copy'
tell 'no frame was damaged' [ $(cat /sys/class/net/eth0/statistics/rx_errors) = 0 ]
echo "# sum $(md5sum </run/copy)"
""".format(half=PINGS // 2, copy=COPY)

# Sends for as long as it lives.
VICTIM = NETWORK % 3 + """
echo 1..1
there 1
ping -A -q 10.9.0.1
"""


@pytest.mark.transport("vhost-user")
@pytest.mark.device("net")
@pytest.mark.machine(guests=3)
def test_guests_reach_each_other_and_one_is_killed(lab: Lab, faults: Faults) -> None:
    taker, victim, sender = (boot(lab, script) for script in (TAKER, VICTIM, SENDER))
    assert sender.until(lambda: "# half\n" in said(sender) or sender.poll() is not None, LIMIT)
    assert victim.poll() is None
    victim.kill()
    faults.expect("1 tests planned, 0 reported")
    finish(sender)
    finish(taker)
    lab.check()
    sums = [re.findall(r"^# sum (\w+)", said(vm), re.M) for vm in (sender, taker)]
    assert len(sums[0]) == 1
    assert sums[0] == sums[1]


def said(vm: Vm) -> str:
    return vm.results.path.read_text(errors="replace")
