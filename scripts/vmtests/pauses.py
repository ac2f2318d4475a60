# SPDX-License-Identifier: BSD-3-Clause
"""Sides that are paused, gone or reset under traffic, which loses nothing; and a device that goes
away while programs in the guest use its memory."""

import signal
import time
from collections.abc import Callable

from bellwire.labs.lab import Lab
from bellwire.report import logs
from bellwire.vms.vm import Vm
from vmtests.case import LIMIT, VmCase, ktap_command

UNDER_WAY = "KTAP version 1"
PAUSED_DEVICE = "the device is paused"
LONG = 12.0  # seconds: longer than a device that is gone is waited for
COUNT = 20_000  # requests: as many as take some seconds

REMOVE = 'echo 1 >"$(readlink -f /sys/class/misc/bellwire0/device)/remove"'
UNBIND = ('device=$(readlink -f /sys/class/misc/bellwire0/device); '
          'echo "${device##*/}" >"$device/driver/unbind"')
# Each program is running when its device goes away: it says so, or has had a moment to start.
GOES = """
number=0
said() {{ number=$((number + 1)); [ "$2" = 1 ] && grep -q "$3" /run/said || {{
    sed 's/^/# /' /run/said; echo "# status $2"; echo -n 'not '; }}; echo "ok $number $1"; }}
echo 'KTAP version 1'; echo 1..1
{command} >/dev/null 2>/run/said & pid=$!
sleep 1.5
{goes}
wait $pid; said '{command}' $? '/dev/bellwire0: the device is gone'
"""
FULL = """
number=0
check() { [ "$1" = 1 ] && [ $(wc -l </run/said) = 1 ] && grep -q 'standard output' /run/said || {
    sed 's/^/# /' /run/said; echo "# status $1"; echo -n 'not '; }
    number=$((number + 1)); echo "ok $number $2"; }
echo 'KTAP version 1'; echo 1..6
for words in info --help 'ring --count 10'; do
    bell $words >/dev/full 2>/run/said; check $? "bell $words, on a full disk"
    bell $words >&- 2>/run/said; check $? "bell $words, with stdout closed"
done
"""


class Pauses(VmCase):
    def test_a_device_that_is_stopped(self) -> None:
        lab, vm = self.traffic()
        device = lab.devices[0]
        device.pause()
        self.await_words(vm, PAUSED_DEVICE)
        time.sleep(LONG)
        self.assertIsNone(vm.poll())
        device.resume()
        self.finish(vm)
        self.assert_nothing_lost(lab, vm)
        self.assertIn("was paused, and goes on", vm.stderr.path.read_text())

    def test_a_vm_that_is_stopped(self) -> None:
        for how, stop, go in (("QMP", Vm.pause, Vm.resume),
                              ("SIGSTOP", signalled(signal.SIGSTOP), signalled(signal.SIGCONT))):
            with self.subTest(how):
                lab, vm = self.traffic()
                stop(vm)
                time.sleep(5)
                go(vm)
                self.finish(vm)
                self.assert_nothing_lost(lab, vm)

    def test_a_device_that_dies_and_comes_back(self) -> None:
        lab, vm = self.traffic()
        lab.devices[0].kill()
        self.await_words(vm, "the device is gone")
        lab.devices[0].start()
        self.finish(vm)
        self.assert_nothing_lost(lab, vm)
        self.assertIn("was gone, and is back", vm.stderr.path.read_text())

    def test_a_device_that_dies_for_good(self) -> None:
        lab, vm = self.traffic()
        lab.devices[0].kill()
        self.assertEqual(vm.wait(LIMIT).status, 1)
        vm.close()
        self.assert_nothing_lost(lab, vm)
        self.assertIn("the device is gone; start it again", vm.results.path.read_text())

    def test_a_guest_that_dies(self) -> None:
        lab, vm = self.traffic()
        vm.kill()
        time.sleep(4)  # time for a wrong word
        second = self.boot(lab, f"bell ring --ktap --count {COUNT}")
        self.finish(second)
        self.assert_nothing_lost(lab, second)

    def test_a_device_that_is_removed(self) -> None:
        self.goes(REMOVE)

    def test_a_device_that_loses_its_driver(self) -> None:
        self.goes(UNBIND)

    def test_output_that_can_not_be_written(self) -> None:
        lab = self.lab()
        lab.start()
        self.finish(self.boot(lab, FULL))

    def goes(self, how: str) -> None:
        for command in ("bell ring --count 100000000 --depth 64",
                        "bell ring --poll always --count 100000000",
                        "bell ring --steps 100000"):
            with self.subTest(command):
                lab = self.lab()
                lab.start()
                self.finish(self.boot(lab, GOES.format(command=command, goes=how)))

    def traffic(self) -> tuple[Lab, Vm]:
        """One request at a time, and 64 at a time, each on a queue of its own."""
        lab = self.lab()
        lab.start()
        vm = lab.vm(ktap_command(f"bell ring --ktap --count {10 * COUNT} --depth 64 >/run/deep & "
                                 f"bell ring --ktap --count {COUNT}; status=$?; wait $!; "
                                 "[ $? = 0 ] && [ $status = 0 ]"))
        self.assertIsNone(vm.boot(watch=lab.check))
        self.assertTrue(vm.until(lambda: UNDER_WAY in vm.results.path.read_text(), LIMIT))
        time.sleep(0.2)  # it rings
        return lab, vm

    def await_words(self, vm: Vm, words: str) -> None:
        self.assertTrue(vm.until(lambda: words in vm.stderr.path.read_text(), LIMIT), vm.poll())

    def assert_nothing_lost(self, lab: Lab, vm: Vm) -> None:
        for log in (lab.devices[0].log, vm.stderr.path):
            self.assertEqual(logs.hangs(log), [])


def signalled(number: signal.Signals) -> Callable[[Vm], None]:
    def send(vm: Vm) -> None:
        vm.send_signal(number)

    return send
