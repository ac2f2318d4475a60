# SPDX-License-Identifier: BSD-3-Clause
"""Tests with bellwire's plugin of pytest: each boots a VM of its own. ctest runs them in the build
folder, which has the device's program and the driver."""

import pytest

pytestmark = [
    pytest.mark.transport("vfio-user"),
    pytest.mark.device("./squarer-device --on vfio-user:{socket}"),
    pytest.mark.machine(modules=["squarer.ko"]),
]


def test_a_shell_squares_a_number_by_one_interrupt(vm):
    assert vm.run("echo 12 >/dev/squarer0 && cat /dev/squarer0").stdout == "144\n"
    assert vm.run("awk '/squarer/ { print $2 }' /proc/interrupts").stdout == "1\n"


def test_a_file_that_is_open_while_the_driver_goes_and_comes(vm):
    done = vm.run("""
        cd /sys/bus/pci/drivers/squarer
        device=$(echo 0000:*)
        exec 3</dev/squarer0
        echo $device >unbind
        cat <&3
        echo $device >bind
        echo 3 >/dev/squarer1 && cat /dev/squarer1
    """)
    assert (done.stdout, done.stderr) == ("9\n", "cat: read error: No such device\n")
