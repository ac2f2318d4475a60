# SPDX-License-Identifier: BSD-3-Clause
"""`bellwire live` beside a real VM under traffic: the page in a browser shows its wires, loses a
doorbell and an interrupt when somebody presses a button, and the guest loses nothing."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bellwire import Device, Vm
from bellwire.core.places import PROGRAM
from bellwire.plugin.run import Faults
from bellwire.report import browser
from vmtests.case import LIMIT, all_completed, figures

pytestmark = [pytest.mark.skipif(bool(browser.MISSING), reason=browser.MISSING),
              pytest.mark.machine(device_options=["--allow-faults"])]

COUNT = 20_000  # at a time, one after the other: each needs its doorbell and its interrupt
TRAFFIC = (f"(until [ -e /run/enough ]; do bell ring --ktap --count {COUNT} || exit; done "
           ">/run/rung 2>&1; echo $? >/run/status) >/dev/null 2>&1 &")
ENOUGH = "touch /run/enough; until [ -e /run/status ]; do usleep 10000; done; cat /run/rung /run/status"


@contextmanager
def page_of(control: Path, *words: str) -> Iterator[browser.Browser]:
    server = subprocess.Popen([PROGRAM, "live", control, *words], stdout=subprocess.PIPE, text=True,
                              stdin=subprocess.DEVNULL)
    try:
        assert server.stdout
        with browser.Browser(server.stdout.readline().split()[0]) as page:
            yield page
    finally:
        server.terminate()
        server.communicate()
    assert server.returncode == 0


def lose(page: browser.Browser, wire: str, place: str) -> None:
    """Presses the button, and waits until the page says that the request was answered all the same.
    If its run has ended by then, or had not begun, the page can't know; the guest's figures do."""
    page.value(f"document.querySelector('[data-plan=\"drop {wire} 1\"]').click()")
    page.until(f"/^✗ \\d* (recovered|lost)$/.test(document.querySelector('.mark.{place}').textContent)")
    page.until("document.querySelector('form.faults output').textContent === 'given'")


@pytest.mark.transport("ivshmem", "vfio-user")
def test_signals_that_are_lost_on_the_page_are_recovered_in_the_guest(
        vm: Vm, device: Device, faults: Faults) -> None:
    assert device.control
    assert vm.run(TRAFFIC).status == 0
    with page_of(device.control, "--allow-faults") as page:
        page.until("document.querySelector('.lit.down')?.style.opacity > 0 && "
                   "document.querySelector('.lit.up').style.opacity > 0")
        page.until("/[1-9]/.test(document.querySelector('dd[data-key=requests]').textContent)")
        page.until("document.querySelector('form.faults')")
        for _ in range(2):
            lose(page, "doorbell", "down")
            lose(page, "interrupt", "up")
        said = page.value("document.querySelector('.trouble').textContent")
    rung = vm.run(ENOUGH, LIMIT)
    assert rung.stdout.splitlines()[-1] == "0", rung
    runs = figures(rung.stdout)
    for run in runs:
        all_completed(run)
    assert sum(run["recovered_interrupts"] for run in runs) >= 1, (runs, said)
    assert sum(run["recovered_doorbells"] for run in runs) >= 1, (runs, said)
    device.stop()
    assert faults.injected() == {"drop doorbell 1": 2, "drop interrupt 1": 2}, said
