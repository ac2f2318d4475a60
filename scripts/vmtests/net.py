# SPDX-License-Identifier: BSD-3-Clause
"""VMs on the ports of one switch, `bellwire device net`, with Debian's own virtio_net."""

import re

from bellwire.image import kernel
from bellwire.vms.vm import Vm
from vmtests.case import LENGTH, LIMIT, VmCase, vm_config

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


class Net(VmCase):
    def said(self, vm: Vm) -> str:
        return vm.results.path.read_text(errors="replace")

    def test_guests_reach_each_other_and_one_is_killed(self) -> None:
        lab = self.lab(("net",), guests=3, transport="vhost-user",
                       on=vm_config(kernel.DEFAULT, 1, shared_memory=True))
        lab.start()
        taker, victim, sender = (self.boot(lab, script) for script in (TAKER, VICTIM, SENDER))
        self.assertTrue(sender.until(
            lambda: "# half\n" in self.said(sender) or sender.poll() is not None, LIMIT))
        self.assertIsNone(victim.poll())
        victim.kill()
        self.finish(sender)
        self.finish(taker)
        lab.check()
        sums = [re.findall(r"^# sum (\w+)", self.said(vm), re.M) for vm in (sender, taker)]
        self.assertEqual(len(sums[0]), 1)
        self.assertEqual(sums[0], sums[1])
