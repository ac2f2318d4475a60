# SPDX-License-Identifier: BSD-3-Clause
import unittest

from harness.bench import results


def ratio(name: str, value: float, limit: float | None) -> dict:
    return {"name": name, "value": value, "spread": [value - 0.25, value + 0.25], "limit": limit,
            "ok": None if limit is None else value <= limit}


SUITES = [{"suite": "wire", "ratios": [ratio("a / bare C", 1.5, 1.05), ratio("a / b", 9.0, None)]},
          {"suite": "boot", "ratios": [ratio("cold / bare", 1.0, 1.15)]}]


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
