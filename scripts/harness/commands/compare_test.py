# SPDX-License-Identifier: BSD-3-Clause
import tempfile
import unittest
from pathlib import Path
from typing import Any

from harness.commands import compare
from harness.core.places import HarnessError


def row(**changes: object) -> dict[str, Any]:
    return {"name": "pipe", "direction": "user → user", "where": "guest", "reason": "",
            "p50_us": 1.5} | changes


class Failures(unittest.TestCase):
    def test_what_was_measured_or_cannot_be_is_none(self) -> None:
        absent = {"name": "pipe", "direction": compare.ABSENT, "where": "guest", "reason": "static"}
        self.assertEqual(compare.failures([row(), row(p50_us=0.0), absent]), [])

    def test_what_failed_or_has_no_figures_is_one(self) -> None:
        self.assertEqual(compare.failures([row(reason="timed out"), row(p50_us=None)]),
                         ["pipe, user → user, guest: timed out",
                          "pipe, user → user, guest: no figures"])


class Report(unittest.TestCase):
    def test_half_a_report_is_an_error_that_names_it(self) -> None:
        path = Path(self.enterContext(tempfile.TemporaryDirectory()), "host.json")
        for content in (None, "", '{"rows": ['):
            if content is not None:
                path.write_text(content)
            with self.subTest(content), self.assertRaisesRegex(HarnessError, "host.json"):
                compare._read(path)
