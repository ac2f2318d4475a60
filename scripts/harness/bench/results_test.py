# SPDX-License-Identifier: BSD-3-Clause
import unittest
from typing import Any

from bellwire.bench import results
from bellwire.report import marked


def ratio(name: str, value: float, limit: float | None) -> dict[str, Any]:
    return {"name": name, "value": value, "spread": [value - 0.25, value + 0.25], "limit": limit,
            "ok": None if limit is None else value <= limit}


SUITES = [{"suite": "wire", "ratios": [ratio("a / bare C", 1.5, 1.05), ratio("a / b", 9.0, None)]},
          {"suite": "boot", "ratios": [ratio("cold / bare", 1.0, 1.15)]}]
RUN: dict[str, Any] = {
    "date": "2026-11-23", "machine": {"cpu": "a CPU", "cpus": 2, "kernel": "Linux 6.1"},
    "left_out": {"kvm": "no /dev/kvm"},
    "suites": [{"suite": "boot", "what": "boots", "rounds": 5,
                "machine": {"accelerator": "TCG", "qemu": "7.2", "guest_kernel": "6.1-cloud",
                            "guest_cpus": 1, "stolen": "7 %"},
                "ratios": [{"name": "a | b", "value": 1.25, "spread": [1, 1.5], "limit": 1.2,
                            "ok": False}]}]}


class Results(unittest.TestCase):
    def test_all_ratios_stand_in_one_list_each_with_its_suite(self) -> None:
        run = results.collect(SUITES, {"kvm": "no /dev/kvm"})
        self.assertEqual([(each["suite"], each["name"]) for each in run["ratios"]],
                         [("wire", "a / bare C"), ("wire", "a / b"), ("boot", "cold / bare")])
        self.assertEqual(run["suites"], SUITES)
        self.assertEqual(run["left_out"], {"kvm": "no /dev/kvm"})

    def test_what_is_over_its_limit_has_a_line(self) -> None:
        self.assertEqual(results.missed(results.collect(SUITES, {})),
                         ["wire: a / bare C: 1.5 (1.25 … 1.75), at most 1.05"])


class Docs(unittest.TestCase):
    def test_what_stands_there_is_what_was_measured(self) -> None:
        self.assertEqual(marked.between(results.DOC.read_text(), results.MARKS),
                         results.figures(results.read()))

    def test_a_suite_is_a_paragraph_and_a_table(self) -> None:
        text = results.figures(RUN)
        self.assertTrue(text.startswith("2026-11-23, 2 CPUs, a CPU, Linux 6.1. "
                                        "Without `kvm`: no /dev/kvm.\n"))
        self.assertIn("**`boot`**: boots (TCG, QEMU 7.2, kernel 6.1-cloud on 1 CPU, 7 % of "
                      "the CPU time stolen; 5 rounds).", text)
        self.assertTrue(text.endswith("| a \\| b | 1.25 | 1 … 1.5 | 1.2 | **missed** |\n"))

    def test_suites_that_were_not_measured_again_stay_with_their_date(self) -> None:
        boot = RUN["suites"][0]
        run = {**RUN, "date": "2026-11-29", "left_out": {},
               "suites": [{**boot, "suite": "kvm", "rounds": 7}]}
        merged = results.merge(RUN, run)
        self.assertEqual((merged["date"], merged["left_out"]), ("2026-11-29", {}))
        self.assertEqual([each["suite"] for each in merged["ratios"]], ["boot", "kvm"])
        text = results.figures(merged)
        self.assertIn("; 5 rounds on 2026-11-23).", text)
        self.assertIn("; 7 rounds).", text)
        again = results.merge(merged, {**run, "date": "2026-12-01", "suites": [boot]})
        self.assertIn("; 7 rounds on 2026-11-29).", results.figures(again))
        self.assertIn("; 5 rounds).", results.figures(again))

    def test_what_was_measured_on_another_machine_says_so(self) -> None:
        measured = {**RUN["suites"][0], "suite": "kvm"}
        run = {**RUN, "machine": {**RUN["machine"], "cpu": "another CPU"}, "suites": [measured]}
        merged = results.merge(RUN, run)
        for again in (merged, results.merge(merged, {**run, "suites": []})):
            boot, kvm = results.figures(again).split("**`boot`**")[1].split("**`kvm`**")
            self.assertIn("2 CPUs, a CPU, Linux 6.1; 5 rounds)", boot)
            self.assertNotIn("another CPU", boot + kvm)
            self.assertIn("2 CPUs, another CPU, Linux 6.1.", results.figures(again))
