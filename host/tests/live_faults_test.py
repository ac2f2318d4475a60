# SPDX-License-Identifier: BSD-3-Clause
"""`bellwire live --allow-faults` and `bellwire device --allow-faults`: who may lose a signal, and what
is said of it."""

import json
import socket
import unittest
from typing import Any

from live_case import LiveCase, samples
from programs_test import USAGE
from web_socket import WebSocket


class LiveFaults(LiveCase):
    def setUp(self) -> None:
        super().setUp()
        self.lose: dict[str, Any] = {"do": "fault", "socket": str(self.socket), "plan": "drop doorbell 1"}

    def asked(self, client: WebSocket, request: object) -> Any:
        """What the server answers: an error, or null."""
        client.send(json.dumps(request).encode())
        return next(found["answer"]["error"] for found in iter(client.message, None)
                    if "answer" in found)

    def under_traffic(self, client: WebSocket) -> None:
        """Before, the driver claims its queue, by a doorbell and an interrupt about no request."""
        next(found for found in samples(client)
             if found["device"]["queues"] and found["device"]["queues"][0]["completed"] > 9)

    def fault(self, client: WebSocket, name: str) -> dict[str, Any]:
        """A fault that has happened, and what became of its request."""
        return next(each for found in samples(client) for each in found["device"].get("faults", [])
                    if each["fault"] == name and each["times"] and each["answered"])

    def test_a_lost_signal_is_counted_with_its_request_and_recovered(self) -> None:
        self.busy(self.socket, "--allow-faults")
        _, url = self.live(self.socket, "--interval", "0.05", "--allow-faults")
        with WebSocket(url) as client:
            self.under_traffic(client)
            for wire in ("doorbell", "interrupt"):
                plan = f"drop {wire} 1"
                self.assertIsNone(self.asked(client, {**self.lose, "plan": plan, "queue": 0}))
                found = self.fault(client, f"{plan} on queue 0")
                self.assertEqual((found["wire"], found["queue"], found["given"], found["armed"]),
                                 (wire, 0, True, False))
                self.assertIsInstance(found["request"], int)
            self.assertIsNone(self.asked(client, {**self.lose, "queue": 0}))
            again = next(each for found in samples(client) for each in found["device"]["faults"]
                         if each["times"] == 2)
            self.assertEqual(again["fault"], "drop doorbell 1 on queue 0")
        top = self.run_program("top", self.socket, "--times", "1", "--interval", "0.1")
        self.assertRegex(top.stdout, r"injected 2 times: drop doorbell 1 on queue 0; last at request \d+")

    def test_what_goes_on_is_ended(self) -> None:
        self.busy(self.socket, "--allow-faults")
        _, url = self.live(self.socket, "--interval", "0.05", "--allow-faults")
        with WebSocket(url) as client:
            self.under_traffic(client)
            self.assertIsNone(self.asked(client, {**self.lose, "plan": "delay interrupt 10us"}))
            self.fault(client, "delay interrupt 10us")
            self.assertIsNone(self.asked(client, {"do": "end faults", "socket": str(self.socket)}))
            ended = next(found["device"]["faults"] for found in samples(client)
                         if not found["device"]["faults"][0]["armed"])
            self.assertEqual(ended[0]["given"], True)

    def test_a_server_that_only_shows_refuses(self) -> None:
        self.busy(self.socket, "--allow-faults")
        _, url = self.live(self.socket)
        with WebSocket(url) as client:
            self.assertIn("--allow-faults", self.asked(client, self.lose))
            self.assertEqual(next(samples(client))["device"]["faults"], [])

    def test_a_device_that_does_not_allow_it_refuses(self) -> None:
        self.busy(self.socket)
        _, url = self.live(self.socket, "--allow-faults")
        with WebSocket(url) as client:
            self.assertIn("start it with --allow-faults", self.asked(client, self.lose))
            self.assertEqual(next(samples(client))["device"]["takes_faults"], False)

    def test_what_is_wrong_with_a_request_is_said(self) -> None:
        self.busy(self.socket, "--allow-faults", "--fault", "stall interrupt 9999999 1ms")
        _, url = self.live(self.socket, "--interval", "0.05", "--allow-faults")
        changes: tuple[tuple[dict[str, Any], str], ...] = (
            ({"plan": "lose doorbell"}, "'lose' at character 1: choose drop"),
            ({"plan": "drop kick"}, "'kick' at character 6"),
            ({"plan": ""}, "plan"), ({"plan": "drop " + "x" * 60}, "character 6"),
            ({"plan": 7}, "plan"), ({"plan": "seed 4"}, "seed"),
            ({"plan": "invent doorbell 1ms"}, "--fault"),
            ({"plan": "drop completion 1"}, "choose doorbells"),
            ({"queue": 32}, "queue"), ({"queue": -1}, "queue"), ({"queue": "0"}, "queue"),
            ({"socket": "/nowhere"}, "/nowhere"), ({"do": "format"}, "end faults"))
        with WebSocket(url) as client:
            for change, said in changes:
                with self.subTest(change):
                    self.assertIn(said, self.asked(client, {**self.lose, **change}))
            self.assertEqual(len(next(samples(client))["device"]["faults"]), 1)

    def test_more_rules_than_a_device_takes(self) -> None:
        self.busy(self.socket, "--allow-faults")
        for number in range(32):
            self.assertEqual(self.told({"do": "fault", "plan": f"drop doorbell {900_000_000 + number}"}),
                             {"given": True})
        self.assertIn("32 different rules", self.told({"do": "fault", "plan": "drop doorbell 1"})["error"])
        self.assertEqual(self.told({"do": "fault", "plan": "drop doorbell 900000000"}), {"given": True})

    def told(self, request: object) -> Any:
        """What the control socket itself answers."""
        with socket.socket(socket.AF_UNIX) as peer:
            peer.settimeout(20)
            peer.connect(str(self.socket))
            peer.sendall(json.dumps(request).encode() + b"\n")
            with peer.makefile() as answers:
                return json.loads(answers.readline())

    def test_nobody_could_ask(self) -> None:
        self.assert_refused(USAGE, ["--allow-faults", "--control"], self.run_program(
            "device", "echo", "--on", "in-process", "--allow-faults"))


if __name__ == "__main__":
    unittest.main()
