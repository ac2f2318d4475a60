# SPDX-License-Identifier: BSD-3-Clause
"""A whole PCI device under observation: `--trace` and `--control` of edu, `trace` and `top` of it."""

import json
import os
import select
import struct
import subprocess
import unittest
from pathlib import Path
from typing import Any

from programs_test import FAILED, PATIENCE, USAGE, ProgramCase, served
from vfio_user_peer import ADDRESS, REGION_READ, RESET, SET_IRQS, Peer, message, store

CONFIG = 7  # the region
FACTORIAL, RAISE, SOURCE, DESTINATION, COUNT, COMMAND = 0x08, 0x60, 0x80, 0x88, 0x90, 0x98
BUFFER = 0x40000  # vdev/devices/edu_registers.hpp
DATA_EVENTFD, ACTION_TRIGGER = 4, 32


class FunctionTrace(ProgramCase):
    def setUp(self) -> None:
        super().setUp()
        self.control = self.folder / "control"
        self.trace = self.folder / "trace.json"

    def edu(self, *options: str | Path) -> tuple["subprocess.Popen[str]", Peer]:
        device = self.start("device", "edu", "--on", f"vfio-user:{self.socket}", *options)
        self.until(self.socket.exists)
        peer = Peer(self.socket, PATIENCE)
        self.addCleanup(peer.close)
        return device, peer

    def raised(self, peer: Peer) -> int:
        """Lets the device raise an interrupt; returns the client's eventfd for it."""
        event: int = os.eventfd(0)  # type: ignore[attr-defined]
        self.addCleanup(os.close, event)
        peer.ask(message(SET_IRQS, struct.pack("<IIIII", 20, DATA_EVENTFD | ACTION_TRIGGER, 0, 0, 1)),
                 [event])
        peer.ask(store(RAISE, 1))
        return event

    def interrupt(self, peer: Peer) -> None:
        """One that the client gets."""
        event = self.raised(peer)
        self.assertEqual(select.select([event], [], [], PATIENCE)[0], [event])
        self.assertEqual(struct.unpack("<Q", os.read(event, 8)), (1,))

    def transfer(self, peer: Peer) -> None:
        peer.give_memory()
        for offset, value in ((SOURCE, ADDRESS), (DESTINATION, BUFFER), (COUNT, 64), (COMMAND, 1)):
            peer.ask(store(offset, value))
        self.until(lambda: peer.load(COMMAND) & 1 == 0)

    def shown(self) -> dict[str, dict[str, Any]]:
        run = self.run_program("trace", "show", "--json", self.trace)
        self.assertEqual(run.returncode, 0, run.stderr)
        return {place["what"]: place for place in json.loads(run.stdout)["places"]}

    def test_what_happens_is_recorded_and_shown(self) -> None:
        device, peer = self.edu("--trace", self.trace, "--control", self.control)
        self.assertEqual(peer.load(0), 0x010000ED)
        peer.ask(store(FACTORIAL, 5))
        peer.ask(message(REGION_READ, struct.pack("<QII", 0, CONFIG, 4)))
        self.transfer(peer)
        self.interrupt(peer)
        top = self.run_program("top", self.control, "--interval", "0.1", "--times", "1")
        shown = " ".join(top.stdout.split())  # in two lines
        self.assertRegex(shown, r" edu vfio-user .* registers \d+/s read, .* interrupts/s$")
        self.assertLessEqual(max(map(len, top.stdout.splitlines())), 100)
        peer.ask(message(RESET))
        device.terminate()
        self.assertEqual(device.wait(PATIENCE), 0)
        places = self.shown()
        self.assertEqual(places["BAR0+0x0 read"]["last"], "0x10000ed")
        self.assertEqual((places["BAR0+0x8 write"]["count"], places["BAR0+0x8 write"]["last"]),
                         (1, "0x5"))
        self.assertEqual(places["config read 0x0"]["last"], "0x11e81234")
        self.assertEqual((places["DMA read"]["bytes"], places["DMA read"]["failed"]), (64, 0))
        self.assertEqual(places["interrupt 0"]["count"], 1)
        self.assertEqual(places["reset"]["count"], 1)

    def test_its_views(self) -> None:
        device, peer = self.edu("--trace", self.trace)
        peer.ask(store(FACTORIAL, 5))
        device.terminate()
        self.assertEqual(device.wait(PATIENCE), 0)
        run = self.run_program("trace", "show", self.trace)
        self.assertRegex(run.stdout, r"(?m)^BAR0\+0x8 write +1 +4 ", run.stderr)
        page = self.folder / "page.html"
        run = self.run_program("trace", "export", self.trace, "--html", page)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertIn("<td>BAR0+0x8 write<td>0x5", page.read_text())
        self.assert_refused(USAGE, ["--perfetto", "--html"], self.run_program(
            "trace", "export", self.trace, "--perfetto", self.folder / "p.json"))
        self.assert_refused(FAILED, ["has no requests"],
                            self.run_program("trace", "diff", self.trace, self.trace))

    def test_a_running_device_is_recorded(self) -> None:
        _, peer = self.edu("--control", self.control)
        self.until(lambda: served(self.control))
        peer.load(FACTORIAL)
        record = self.start("trace", "record", self.control, "--out", self.trace, "--requests", "2")
        self.until(lambda: peer.load(0) and record.poll() is not None)
        self.assertEqual(record.wait(), 0)
        self.assertEqual(list(self.shown()), ["BAR0+0x0 read"])

    def test_an_interrupt_is_lost_on_purpose(self) -> None:
        device, peer = self.edu("--trace", self.trace, "--drop", "interrupt=1")
        event = self.raised(peer)
        for _ in range(3):  # turns of the device's loop
            peer.load(0)
        device.terminate()
        self.assertEqual(device.wait(PATIENCE), 0)
        self.assertEqual(select.select([event], [], [], 0)[0], [])
        lost = self.shown()["interrupt 0"]
        self.assertEqual((lost["count"], lost["failed"]), (1, 1))

    def test_one_that_never_came_is_not_lost(self) -> None:
        device, peer = self.edu("--drop", "interrupt=2")
        self.interrupt(peer)
        device.terminate()
        self.assertEqual(device.wait(PATIENCE), FAILED)
        self.assert_refused(USAGE, ["--drop doorbell", "interrupt=N"], self.run_program(
            "device", "edu", "--on", f"vfio-user:{self.socket}", "--drop", "doorbell=1"))

    def test_nothing_to_record(self) -> None:
        device = self.start("device", "edu", "--on", f"vfio-user:{self.socket}", "--trace", self.trace)
        self.until(self.socket.exists)
        device.terminate()
        self.assertEqual(device.wait(PATIENCE), FAILED)
        self.assertFalse(self.trace.exists())


if __name__ == "__main__":
    unittest.main()
