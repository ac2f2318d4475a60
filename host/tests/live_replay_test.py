# SPDX-License-Identifier: BSD-3-Clause
"""`bellwire live FILE`: what a page gets of a recorded trace, and which files are refused."""

import gzip
import json
import unittest
from pathlib import Path
from typing import Any

from live_case import LiveCase
from programs_test import FAILED
from web_socket import WebSocket


class LiveReplay(LiveCase):
    def setUp(self) -> None:
        super().setUp()
        self.trace = self.folder / "trace.json"

    def recorded(self, rings: int = 50) -> dict[str, Any]:
        run = self.run_program("device", "echo", "--on", f"in-process:rings={rings}", "--trace",
                               self.trace)
        self.assertEqual(run.returncode, 0, run.stderr)
        found: dict[str, Any] = json.loads(self.trace.read_text())
        return found

    def replay(self, *paths: Path) -> dict[str, Any]:
        _, url = self.live(*paths)
        with WebSocket(url) as client:
            found: dict[str, Any] = next(found["trace"] for found in iter(client.message, None)
                                         if "trace" in found)
            return found

    def test_each_record_is_there_in_order(self) -> None:
        trace = self.recorded()
        found = self.replay(self.trace)
        times = [ns for ns, *_ in found["records"]]
        self.assertEqual(times, sorted(times))
        names = [kind["name"] for kind in found["kinds"]]
        self.assertEqual(names, [stage["name"] for stage in trace["stages"]])
        counts = {name: sum(names[kind] == name for _, kind, *_ in found["records"]) for name in names}
        wanted = {name: sum(request["at"][stage] is not None for request in trace["requests"])
                  for stage, name in enumerate(names)}
        wanted |= {"doorbell": len(trace["doorbells"]), "interrupted": len(trace["interrupts"])}
        self.assertEqual(counts, wanted)
        self.assertEqual((found["shown"], found["of"]), (len(times), len(times)))
        self.assertEqual((found["device"], found["name"]), ("echo", str(self.trace)))

    def test_beside_a_device_and_compressed(self) -> None:
        self.recorded()
        packed = self.folder / "trace.json.gz"
        packed.write_bytes(gzip.compress(self.trace.read_bytes()))
        self.busy(self.socket)
        _, url = self.live(self.socket, self.trace, packed)
        wanted = {"page", "device", str(self.trace), str(packed)}
        with WebSocket(url) as client:
            while wanted:
                found = client.message()
                wanted -= {*found, found.get("trace", {}).get("name")}

    def test_of_a_huge_one_only_its_beginning_is_shown(self) -> None:
        trace = self.recorded(10)
        first = trace["requests"][0]
        trace["requests"] = [{**first, "index": index} for index in range(60_000)]
        self.trace.write_text(json.dumps(trace))
        found = self.replay(self.trace)
        self.assertEqual((found["shown"], len(found["records"])), (200_000, 200_000))
        self.assertGreater(found["of"], 240_000)

    def test_what_is_no_trace_is_one_line(self) -> None:
        self.recorded(10)
        whole = self.trace.read_text()
        foreign = self.folder / "foreign.json"
        for text, said in ((whole[:len(whole) // 2], "is not JSON"), ("", "is not JSON"),
                           ("{}", "version is missing"), ("\x7fELF", "is not JSON"),
                           (whole.replace('"version":1', '"version":7'), "which is all that this"),
                           (whole.replace('"doorbells":[', '"doorbells":[7,'), "doorbells[0]")):
            with self.subTest(said):
                foreign.write_text(text)
                self.assert_refused(FAILED, [str(foreign), said], self.run_program("live", foreign))
        self.assert_refused(FAILED, [str(self.folder)], self.run_program("live", self.folder))


if __name__ == "__main__":
    unittest.main()
