# SPDX-License-Identifier: BSD-3-Clause
"""Sides that are paused, gone or reset under traffic, which loses nothing; and a device that goes
away while programs in the guest use its memory."""

import signal
import time

import pytest

from bellwire import Device, Lab, Vm
from bellwire.plugin import Faults
from vmtests.case import LIMIT, boot, finish, ktap_command

UNDER_WAY = "# under way"
# Both queues were interrupted, each by a vector of its own.
TELL_UNDER_WAY = f"""(until awk '/-edge *0000:/ && $2 > 50 {{ busy++ }} END {{ exit busy < 2 }}' \\
    /proc/interrupts; do usleep 10000; done; echo '{UNDER_WAY}') &"""
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
EACH_COMMAND = pytest.mark.parametrize("command", (
    "bell ring --count 100000000 --depth 64", "bell ring --poll always --count 100000000",
    "bell ring --steps 100000"))
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

def test_a_device_that_is_stopped(lab: Lab, device: Device) -> None:
    vm = traffic(lab)
    device.pause()
    await_words(vm, PAUSED_DEVICE)
    time.sleep(LONG)
    assert vm.poll() is None
    device.resume()
    finish(vm)
    assert "was paused, and goes on" in vm.stderr.path.read_text()


@pytest.mark.parametrize("how", ["QMP", "SIGSTOP"])
def test_a_vm_that_is_stopped(lab: Lab, how: str) -> None:
    vm = traffic(lab)
    vm.pause() if how == "QMP" else vm.send_signal(signal.SIGSTOP)
    time.sleep(5)
    vm.resume() if how == "QMP" else vm.send_signal(signal.SIGCONT)
    finish(vm)


def test_a_device_that_dies_and_comes_back(lab: Lab, device: Device) -> None:
    vm = traffic(lab)
    device.kill()
    await_words(vm, "the device is gone")
    device.start()
    finish(vm)
    assert "was gone, and is back" in vm.stderr.path.read_text()


def test_a_device_that_dies_for_good(lab: Lab, device: Device, faults: Faults) -> None:
    vm = traffic(lab)
    device.kill()
    faults.expect("the device is gone; start it again")  # the guest's report says so
    faults.expect("was killed by SIGKILL")
    assert vm.wait(LIMIT).status == 1


def test_a_guest_that_dies(lab: Lab, faults: Faults) -> None:
    traffic(lab).kill()
    faults.expect("1 tests planned, 0 reported")
    time.sleep(4)  # time for a wrong word
    finish(boot(lab, f"bell ring --ktap --count {COUNT}"))


@EACH_COMMAND
def test_a_device_that_is_removed(lab: Lab, command: str) -> None:
    finish(boot(lab, GOES.format(command=command, goes=REMOVE)))


@EACH_COMMAND
def test_a_device_that_loses_its_driver(lab: Lab, command: str) -> None:
    finish(boot(lab, GOES.format(command=command, goes=UNBIND)))


def test_output_that_can_not_be_written(lab: Lab) -> None:
    finish(boot(lab, FULL))


def traffic(lab: Lab) -> Vm:
    """One request at a time, and 64 at a time, each on a queue of its own. The plugin sees to it that
    none is lost."""
    vm = lab.boot(ktap_command(TELL_UNDER_WAY,
                               f"bell ring --ktap --count {10 * COUNT} --depth 64 >/run/deep & "
                               f"bell ring --ktap --count {COUNT}; status=$?; wait $!; "
                               "[ $? = 0 ] && [ $status = 0 ]"))
    assert vm.until(lambda: UNDER_WAY in vm.results.path.read_text(), LIMIT)
    return vm


def await_words(vm: Vm, words: str) -> None:
    assert vm.until(lambda: words in vm.stderr.path.read_text(), LIMIT), vm.poll()
