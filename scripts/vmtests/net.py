# SPDX-License-Identifier: BSD-3-Clause
"""VMs on the ports of one switch, `bellwire device net`, with Debian's own virtio_net."""

import re
import tempfile
from dataclasses import replace
from pathlib import Path

from bellwire.image import kernel
from bellwire.labs.lab import Lab
from bellwire.labs.processes import Device
from bellwire.vms import plugs
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
    def setUp(self) -> None:
        self.private = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="bell")))

    def socket(self, guest: int) -> Path:
        return self.private / f"port{guest}"

    def serve(self, folder: Path, guests: int) -> Device:
        """A switch with a port for each guest."""
        last = self.socket(guests)
        device = Device(folder, "net", 0, f"vhost-user:{self.socket(1)}", last)
        device.add_options([f"--on=vhost-user:{self.socket(guest)}"
                            for guest in range(2, guests + 1)])
        self.addCleanup(device.stop)
        device.start()
        return device

    def guest(self, lab: Lab, number: int, script: str) -> Vm:
        """Boots the guest of that number on its port."""
        # vectors=0: without KVM, QEMU 7.2 dies when the guest unmasks a vector of MSI-X.
        words = ("-chardev", f"socket,id=port,path={plugs.value(self.socket(number))}",
                 "-netdev", "vhost-user,id=net,chardev=port",
                 "-device", f"virtio-net-pci,netdev=net,vectors=0,romfile=,"
                            f"mac=52:54:00:09:00:{number:02x}")
        lab.config = replace(vm_config(kernel.DEFAULT, 1, shared_memory=True), extra=words)
        return self.boot(lab, script, drivers=["virtio_net"])

    def said(self, vm: Vm) -> str:
        return vm.results.path.read_text(errors="replace")

    def test_guests_reach_each_other_and_one_is_killed(self) -> None:
        lab = self.lab((), on=vm_config(kernel.DEFAULT, 1, shared_memory=True))
        device = self.serve(lab.folder, 3)
        taker = self.guest(lab, 1, TAKER)
        victim = self.guest(lab, 3, VICTIM)
        sender = self.guest(lab, 2, SENDER)
        self.assertTrue(sender.until(
            lambda: "# half\n" in self.said(sender) or sender.poll() is not None, LIMIT))
        self.assertIsNone(victim.poll())
        victim.kill()
        self.finish(sender)
        self.finish(taker)
        device.check()
        sums = [re.findall(r"^# sum (\w+)", self.said(vm), re.M) for vm in (sender, taker)]
        self.assertEqual(len(sums[0]), 1)
        self.assertEqual(sums[0], sums[1])
