# SPDX-License-Identifier: BSD-3-Clause
import unittest

from harness.bench import docs

RUN = {"date": "2026-11-23", "machine": {"cpu": "a CPU", "cpus": 2, "kernel": "Linux 6.1"},
       "left_out": {"kvm": "no /dev/kvm"},
       "suites": [{"suite": "boot", "what": "boots", "rounds": 5,
                   "machine": {"accelerator": "TCG", "qemu": "7.2", "guest_kernel": "6.1-cloud",
                               "guest_cpus": 1, "stolen": "7 %"},
                   "ratios": [{"name": "a | b", "value": 1.25, "spread": [1, 1.5], "limit": 1.2,
                               "ok": False}]}]}


class Docs(unittest.TestCase):
    def test_what_stands_there_is_what_was_measured(self) -> None:
        text = docs.PAGE.read_text()
        self.assertEqual(text.count(docs.BEGIN), 1)
        self.assertEqual(text, docs.with_figures(text, docs.read()))

    def test_figures_go_between_their_marks(self) -> None:
        text = docs.with_figures(f"a\n{docs.BEGIN}old\n{docs.END}z\n", RUN)
        self.assertTrue(text.startswith(f"a\n{docs.BEGIN}2026-11-23, 2 CPUs, a CPU, Linux 6.1. "
                                        "Without `kvm`: no /dev/kvm.\n"))
        self.assertIn("**`boot`**: boots (TCG, QEMU 7.2, kernel 6.1-cloud on 1 CPU, 7 % of "
                      "the CPU time stolen; 5 rounds).", text)
        self.assertTrue(text.endswith("| a \\| b | 1.25 | 1 … 1.5 | 1.2 | **missed** |\n"
                                      f"{docs.END}z\n"))
