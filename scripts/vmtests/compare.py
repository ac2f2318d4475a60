# SPDX-License-Identifier: BSD-3-Clause
"""Every mechanism of `bell compare`, with few notifications: losses and properties, no times."""

import json
from typing import Any

import pytest

from bellwire import Vm
from bellwire.commands import compare
from bellwire.plugin import Subtests
from vmtests.case import LIMIT

COUNT = 200
MAY_LOSE = ("UDP", "signal, plain", "SIGIO", "generic netlink")
RESULT = "/run/result"

pytestmark = pytest.mark.device()


@pytest.mark.machine(cpus=2)
def test_two_cpus(vm: Vm, subtest: Subtests) -> None:
    check(vm, subtest, cpus=2)


def test_one_cpu(vm: Vm, subtest: Subtests) -> None:
    check(vm, subtest, cpus=1)


def test_without_its_module_the_kernels_part_fails(vm: Vm) -> None:
    done = vm.run(f"bell compare --count 8 --only 'kernel → user' --json {RESULT}", LIMIT)
    assert done.status == 1, done
    rows = result(vm)["rows"]
    assert rows
    assert len(compare.failures(rows)) == len(rows)


def result(vm: Vm) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(vm.run(f"cat {RESULT}").stdout)
    return found


def check(vm: Vm, subtest: Subtests, cpus: int) -> None:
    done = vm.run(compare.guest_script(COUNT, RESULT), LIMIT)
    assert done.status == 0, done
    found = result(vm)
    check_rows(found["rows"], subtest, cpus)
    check_claims(found["claims"])


def check_rows(rows: list[dict[str, Any]], subtest: Subtests, cpus: int) -> None:
    assert {row["direction"] for row in rows} == set(compare.DIRECTIONS)
    measured = [row for row in rows if row["direction"] != "kernel ↔ user"]
    assert len(measured) >= 20
    for row in measured:
        with subtest(f"{row['direction']}: {row['name']}"):
            check_row(row, cpus)


def check_row(row: dict[str, Any], cpus: int) -> None:
    assert row["reason"] == ""
    assert row["count"] + row.get("burst", 0) == COUNT
    apart = cpus > 1 and "spin" in row["name"]
    assert row["cpus"] == ("0,1" if apart else "0,0")
    assert row["data_right"]
    assert row["keeps_order"] is not False
    assert sum(count for _, count in row["histogram"]) == row["count"]
    if row["direction"] == "user → user" and "spin" not in row["name"]:
        assert row["sleeps"] > row["count"] * 0.8
    if not any(name in row["name"] for name in MAY_LOSE):
        assert row.get("lost", 0) == 0


def check_claims(claims: list[dict[str, Any]]) -> None:
    assert len(claims) >= 9
    assert "not measured" not in [claim["verdict"] for claim in claims]
    # The claims that do not depend on times.
    for words in ("poll does not", "POLLERR", "must not sleep", "a poll of its own"):
        (claim,) = (claim for claim in claims if words in claim["claim"])
        assert claim["verdict"] == "true", claim["measured"]
