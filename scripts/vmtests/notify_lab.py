# SPDX-License-Identifier: BSD-3-Clause
"""The second module's own tests, on each kernel, with one CPU and with two."""

import pytest

from bellwire import Lab
from vmtests.case import boot, finish

pytestmark = pytest.mark.device()


@pytest.mark.kernel("6.1")
@pytest.mark.machine(cpus=2)
def test_two_cpus(lab: Lab) -> None:
    finish(boot(lab, "lab-selftest"))


@pytest.mark.kernel("6.12")
def test_one_cpu_6_12(lab: Lab) -> None:
    finish(boot(lab, "lab-selftest"))
