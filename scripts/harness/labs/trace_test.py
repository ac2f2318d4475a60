# SPDX-License-Identifier: BSD-3-Clause
import json
import tempfile
import unittest
from pathlib import Path

from bellwire.core.places import HarnessError
from bellwire.labs.processes import Device
from bellwire.labs.trace import Trace

DATA = {"stages": [{"name": "submitted"}, {"name": "woken"}, {"name": "done"}],
        "clock": {"uncertainty_ns": 5},
        "requests": [{"queue": 0, "index": 7, "at": [10, 30, 100]},
                     {"queue": 0, "index": 8, "at": [40, None, 200]}]}


class TraceTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        device = Device(folder, "echo", 0, "ivshmem:nowhere", control=folder / "control")
        self.trace = Trace(device, folder / "trace.json")
        self.trace.path.write_text(json.dumps(DATA))

    def test_each_request_has_its_stages(self) -> None:
        self.assertEqual(self.trace.stages, ["submitted", "woken", "done"])
        first, second = self.trace.requests
        self.assertEqual((first.index, first.at["woken"], second.at["woken"]), (7, 30, None))
        self.assertEqual(self.trace.uncertainty, 5)

    def test_a_hop_is_that_of_the_requests_that_have_both_ends(self) -> None:
        self.assertEqual(self.trace.hops("submitted", "done"), [90, 160])
        self.assertEqual(self.trace.hops("submitted", "woken"), [20])
        with self.assertRaisesRegex(HarnessError, "no stage 'rung' .* submitted, woken, done"):
            self.trace.hops("submitted", "rung")
