# SPDX-License-Identifier: BSD-3-Clause
import json
import unittest
from typing import Any

from bellwire.vms.qmp import Qmp, QmpError

GREETING: dict[str, Any] = {"QMP": {"version": {}}}
EVENT = {"event": "STOP", "data": {}}


class QmpTest(unittest.TestCase):
    def qmp(self, *answers: dict[str, Any] | str) -> Qmp:
        """Connected to a QEMU that gives these answers, whatever is asked, and ends."""
        qmp = self.enterContext(Qmp(limit=0.5))
        said = "".join((text if isinstance(text, str) else json.dumps(text)) + "\n"
                       for text in answers)
        self.far = self.enterContext(qmp.peer.dup())
        self.far.sendall(said.encode())
        return qmp

    def test_a_command_and_its_answer(self) -> None:
        qmp = self.qmp({"return": {"status": "paused"}})
        self.assertEqual(qmp.command("query-status"), {"status": "paused"})
        self.assertEqual(json.loads(self.far.recv(1000)),
                         {"execute": "query-status", "arguments": {}})

    def test_a_greeting(self) -> None:
        self.qmp(GREETING, {"return": {}}).greet()

    def test_events_are_passed_over(self) -> None:
        self.assertEqual(self.qmp(EVENT, EVENT, {"return": {"a": 1}}).command("x"), {"a": 1})

    def test_an_event_may_come_before_the_result(self) -> None:
        qmp = self.qmp(EVENT, {"event": "RESET", "data": {"guest": False}}, {"return": {}})
        qmp.command("system_reset")
        qmp.await_event("RESET", guest=False)

    def test_an_error_is_told(self) -> None:
        with self.assertRaisesRegex(QmpError, "device_add: no such bus"):
            self.qmp({"error": {"class": "GenericError", "desc": "no such bus"}}).command(
                "device_add", name="both may have a name")

    def test_nonsense(self) -> None:
        with self.assertRaisesRegex(QmpError, "no answer"):
            self.qmp("{").command("cont")

    def test_silence(self) -> None:
        with self.assertRaisesRegex(QmpError, "timed out"):
            self.qmp().command("cont")

    def test_a_qemu_that_is_gone(self) -> None:
        qmp = self.qmp(GREETING, {"return": {}})
        qmp.greet()
        self.far.close()
        with self.assertRaises(QmpError):
            qmp.command("cont")
