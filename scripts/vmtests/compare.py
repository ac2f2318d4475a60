# SPDX-License-Identifier: BSD-3-Clause
"""Every mechanism of `bell compare`, with few notifications: losses and properties, no times."""

import json
from typing import Any

from bellwire.commands import compare
from bellwire.report import logs
from vmtests.case import LIMIT, VmCase

COUNT = 200
MAY_LOSE = ("UDP", "signal, plain", "SIGIO", "generic netlink")


class Compare(VmCase):
    def test_two_cpus(self) -> None:
        self.compare(smp=2)

    def test_one_cpu(self) -> None:
        self.compare(smp=1)

    def test_without_its_module_the_kernels_part_fails(self) -> None:
        lab = self.lab(devices=())
        lab.start()
        vm = lab.vm(["bell", "compare", "--count", "8", "--only", "kernel → user", "--json",
                     "/run/bellwire/results"])
        self.assertIsNone(vm.boot(watch=lab.check))
        verdict = vm.wait(LIMIT)
        vm.close()
        self.assertEqual(verdict.status, 1, verdict.reason)
        rows = json.loads(vm.results.path.read_text())["rows"]
        self.assertTrue(rows)
        self.assertEqual(len(compare.failures(rows)), len(rows))

    def compare(self, smp: int) -> None:
        lab = self.lab(devices=(), smp=smp)
        lab.start()
        vm = lab.vm(["sh", "-c", compare.guest_script(COUNT)])
        self.assertIsNone(vm.boot(watch=lab.check))
        verdict = vm.wait(LIMIT)
        vm.close()
        self.assertEqual(verdict.status, 0, f"{verdict.reason}; see {vm.folder}")
        self.assertEqual(logs.complaints(vm.console), [])
        result = json.loads(vm.results.path.read_text())
        self.check_rows(result["rows"], smp)
        self.check_claims(result["claims"])

    def check_rows(self, rows: list[dict[str, Any]], smp: int) -> None:
        self.assertEqual({row["direction"] for row in rows}, set(compare.DIRECTIONS))
        measured = [row for row in rows if row["direction"] != "kernel ↔ user"]
        self.assertGreaterEqual(len(measured), 20)
        for row in measured:
            with self.subTest(f"{row['direction']}: {row['name']}"):
                self.assertEqual(row["reason"], "")
                self.assertEqual(row["count"] + row.get("burst", 0), COUNT)
                apart = smp > 1 and "spin" in row["name"]
                self.assertEqual(row["cpus"], "0,1" if apart else "0,0")
                self.assertTrue(row["data_right"])
                self.assertIsNot(row["keeps_order"], False)
                self.assertEqual(sum(count for _, count in row["histogram"]),
                                 row["count"])
                if row["direction"] == "user → user" and "spin" not in row["name"]:
                    self.assertGreater(row["sleeps"], row["count"] * 0.8)
                if not any(name in row["name"] for name in MAY_LOSE):
                    self.assertEqual(row.get("lost", 0), 0)

    def check_claims(self, claims: list[dict[str, Any]]) -> None:
        self.assertGreaterEqual(len(claims), 9)
        self.assertNotIn("not measured", [claim["verdict"] for claim in claims])
        # The claims that do not depend on times.
        for words in ("poll does not", "POLLERR", "must not sleep", "a poll of its own"):
            (claim,) = (claim for claim in claims if words in claim["claim"])
            self.assertEqual(claim["verdict"], "true", claim["measured"])
