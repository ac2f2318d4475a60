# SPDX-License-Identifier: BSD-3-Clause
import unittest
from dataclasses import dataclass, field
from typing import Any, cast

from bellwire.core.places import HarnessError
from bellwire.labs.guest_faults import GuestFaults, resets, split
from bellwire.vms.vm import Vm


@dataclass
class FakeVm:
    ready: bool = True
    resets: int = 0
    ended: bool = False
    did: list[str] = field(default_factory=list)

    def pause(self) -> None:
        self.did.append("pause")

    def resume(self) -> None:
        self.did.append("resume")

    def reset(self) -> bool:
        if not self.ended:
            self.did.append("reset")
            self.ready, self.resets = False, self.resets + 1
        return not self.ended

    def end_resets(self) -> None:
        self.did.append("end resets")


class PlanTest(unittest.TestCase):
    def test_rules_of_devices_keep_their_places(self) -> None:
        freeze, reset = "freeze guest every 2s..3s 50ms", "reset guest after 1s"
        plan = split(f"drop interrupt 5;{freeze}; seed 7\n{reset}")
        self.assertEqual(plan.device, f"drop interrupt 5;{' ' * len(freeze)}; seed 7\n{' ' * len(reset)}")
        self.assertEqual([str(rule) for rule in plan.guest], [freeze, reset])
        self.assertEqual(plan.seed, 7)
        self.assertEqual((plan.guest[0].time.least, plan.guest[0].time.most), (2, 3))

    def test_whether_plans_reset_the_guest(self) -> None:
        self.assertTrue(resets(["drop interrupt 1", "seed 3; reset guest after 1s"]))
        self.assertFalse(resets(["drop interrupt 1", "freeze guest every 2s 50ms"]))

    def test_what_is_left_may_be_nothing(self) -> None:
        self.assertEqual(split("reset guest after 1s; seed 3").device, "")
        for words in ("seed 3", "", "lose it", "drop doorbell 1"):
            self.assertEqual(split(words).device, words)

    def test_a_wrong_rule_is_named_with_its_place(self) -> None:
        for words, error in (
                ("drop interrupt 1; drop guest 5", "'drop' at character 19: choose freeze or reset"),
                ("freeze", "'freeze' at character 1: guest must follow, as in freeze guest every"),
                ("freeze doorbell 5", "'doorbell' at character 8: choose guest"),
                ("reset guest 5", "'5' at character 13: choose after or every"),
                ("reset guest every", "'every' at character 13: a time must follow"),
                ("reset guest every 5", "'5' at character 19: choose a time such as"),
                ("reset guest every 61s", "'61s' at character 19: .* up to 60s"),
                ("reset guest every 0s", "'0s' at character 19"),
                ("reset guest every 2s..1s", "the range is empty"),
                ("reset guest every 2s 1s", "'1s' at character 22: nothing more may follow"),
                ("freeze guest after 2s", "'2s' at character 20: a time for which must follow")):
            with self.subTest(words), self.assertRaisesRegex(HarnessError, error):
                split(words)


class GuestFaultsTest(unittest.TestCase):
    def faults(self, *plans: str, **facts: Any) -> GuestFaults:
        self.vm = FakeVm(**facts)
        self.notes: list[str] = []
        return GuestFaults(cast(Vm, self.vm), [split(plan) for plan in plans], self.notes.append)

    def test_a_freeze_ends_and_comes_again(self) -> None:
        faults = self.faults("freeze guest every 2s 1s; freeze guest after 3s 1s")
        for now in range(9):  # each is carried out when the other has ended
            faults.follow(now)
        self.assertEqual(self.vm.did, ["pause", "resume"] * 3)
        self.assertEqual(faults.counts(), {"freeze guest every 2s 1s": 2, "freeze guest after 3s 1s": 1})
        self.assertEqual(self.notes, [f"freeze guest {number}" for number in (1, 2, 3)])

    def test_a_reset_waits_for_the_boot(self) -> None:
        faults = self.faults("reset guest every 2s")
        for now in range(4):
            faults.follow(now)
        self.assertEqual(self.vm.did, ["reset"])
        self.vm.ready = True
        for now in (10, 11, 12):  # counted from then on
            faults.follow(now)
        self.assertEqual(self.vm.did, ["reset", "end resets", "reset"])

    def test_nothing_before_the_command_and_nothing_behind_it(self) -> None:
        faults = self.faults("reset guest after 1s", ready=False, ended=True)
        faults.follow(5)
        self.vm.ready = True
        for now in (6, 7, 8):
            faults.follow(now)
        self.assertEqual(self.vm.did, [])
        self.assertEqual(faults.counts(), {"reset guest after 1s": 0})
        self.assertEqual(self.notes, [])

    def test_a_range_is_drawn_from_the_seed(self) -> None:
        def frozen_at(plan: str) -> int:
            faults = self.faults(plan)
            for now in range(2000):
                faults.follow(now / 1000)
                if self.vm.did:
                    return now
            self.fail("it was never frozen")

        plan = "freeze guest after 1ms..1s 1s"
        self.assertEqual(frozen_at(plan), frozen_at(plan))
        self.assertNotEqual(frozen_at(plan), frozen_at(plan + "; seed 2"))
