# SPDX-License-Identifier: BSD-3-Clause
"""The module's own tests. With one device, since they unload the module, which renumbers devices."""

import pytest

from bellwire import Lab
from vmtests.case import LENGTH, boot, finish

RELOAD = ("rmmod bellwire && insmod /lib/modules/bellwire.ko && test -c /dev/bellwire0 "
          "&& echo 'ok 1 the module is unloaded and loaded' || echo 'not ok 1 the module reloads'")


@pytest.mark.machine(cpus=2)
def test_selftest(lab: Lab) -> None:
    (run,) = finish(boot(lab, f"module-selftest -t {LENGTH}",
                         f"echo 'KTAP version 1'; echo 1..1; {RELOAD}",
                         "bell ring --ktap --count 1000"))
    lab.check()
    assert run["completions"] == 1000
