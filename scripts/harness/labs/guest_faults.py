# SPDX-License-Identifier: BSD-3-Clause
"""What goes wrong on purpose with a guest as a whole: the rules `freeze guest` and `reset guest` of a
plan (docs/faults.md). Its other rules are of a device, whose program reads them (vdev/faults)."""

import random
import re
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from bellwire.core import messages
from bellwire.core.places import HarnessError
from bellwire.vms.qmp import QmpError
from bellwire.vms.vm import Vm

LONGEST = 60.0  # seconds; likewise of a device's rule
UNITS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0}
WHENS = ("after", "every")
NEEDS = {"freeze": "a time for which", "reset": ""}  # what follows when it happens
_RULE = re.compile(r"[^;\n]+")
_WORD = re.compile(r"\S+")
_TIME = re.compile(r"(\d{1,12})(ns|us|ms|s)")
Word = re.Match[str]


@dataclass(frozen=True)
class Span:
    """A time, or a range of which each time another is chosen; in seconds."""

    text: str
    least: float
    most: float


@dataclass(frozen=True)
class GuestRule:
    action: str
    when: str
    time: Span
    lasts: Span | None = None

    def __str__(self) -> str:
        lasts = f" {self.lasts.text}" if self.lasts else ""
        return f"{self.action} guest {self.when} {self.time.text}{lasts}"


@dataclass(frozen=True)
class Plan:
    """A plan's parts. `device`: what is left for the devices, each word at its place; "" if that is
    no rule."""

    device: str
    guest: list[GuestRule]
    seed: int = 1


def resets(plans: Sequence[str]) -> bool:
    """Whether one of them resets a guest."""
    return any(rule.action == "reset" for plan in plans for rule in split(plan).guest)


def split(plan: str) -> Plan:
    """Raises HarnessError if a rule about a guest is wrong."""
    rest, guest, seed, others = plan, [], 1, False
    for rule in _RULE.finditer(plan):
        words = list(_WORD.finditer(plan, *rule.span()))
        names = [word[0] for word in words[:2]]
        if names and (names[0] in NEEDS or names[1:] == ["guest"]):
            guest.append(_parse(words))
            rest = rest[:rule.start()] + " " * len(rule[0]) + rest[rule.end():]
        elif names[:1] == ["seed"]:
            seed = int(names[1]) if names[1:] and names[1].isdecimal() else seed
        else:
            others = others or bool(names)
    return Plan(rest if others or not guest else "", guest, seed)


def _parse(words: Sequence[Word]) -> GuestRule:
    action = words[0]
    if action[0] not in NEEDS:
        raise _wrong(action, "choose freeze or reset for a guest")
    needed = [("guest", ("guest",)), ("after or every", WHENS), ("a time", None)]
    if lasts := NEEDS[action[0]]:
        needed.append((lasts, None))
    found: list[Span] = []
    for (name, allowed), word in zip(needed, words[1:]):
        if allowed is None:
            found.append(_span(word))
        elif word[0] not in allowed:
            raise _wrong(word, f"choose {name}")
    if len(words) <= len(needed):
        raise _wrong(words[-1], f"{needed[len(words) - 1][0]} must follow, as in "
                                f"{action[0]} guest every 2s{' 50ms' * bool(lasts)}")
    if len(words) > len(needed) + 1:
        raise _wrong(words[len(needed) + 1], "nothing more may follow; separate rules by ;")
    return GuestRule(action[0], words[2][0], *found)


def _span(word: Word) -> Span:
    ends = [_seconds(text) for text in word[0].split("..")]
    if len(ends) > 2 or any(end is None or not 0 < end <= LONGEST for end in ends):
        raise _wrong(word, f"choose a time such as 50ms or 50ms..2s, up to {LONGEST:g}s")
    least, most = float(ends[0] or 0), float(ends[-1] or 0)
    if most < least:
        raise _wrong(word, "the range is empty: put the shorter time first")
    return Span(word[0], least, most)


def _seconds(text: str) -> float | None:
    found = _TIME.fullmatch(text)
    return int(found[1]) * UNITS[found[2]] if found else None


def _wrong(word: Word, remedy: str) -> HarnessError:
    return HarnessError(f"--fault: '{word[0]}' at character {word.start() + 1}: {remedy}")


@dataclass
class _Armed:
    rule: GuestRule
    chance: random.Random
    times: int = 0
    due: float | None = None

    def arm(self, now: float) -> None:
        """Times are counted from when the command begins, and from the end of the last one."""
        if self.rule.when == "every" or not self.times and self.due is None:
            self.due = now + self.draw(self.rule.time)

    def draw(self, span: Span) -> float:
        return self.chance.uniform(span.least, span.most)


@dataclass
class GuestFaults:
    """Carries out rules in one VM. follow() does what is due at a time of time.monotonic(), and so must
    be called again and again. `note` takes each that has happened, as in "freeze guest 3"."""

    vm: Vm
    plans: Sequence[Plan]
    note: Callable[[str], None] = lambda _: None
    _numbers: Counter[str] = field(default_factory=Counter)
    _armed: list[_Armed] = field(default_factory=list)
    _life: int | None = None  # of the VM, since which the rules are armed
    _frozen: tuple[_Armed, float] | None = None  # until then

    def __post_init__(self) -> None:
        rules = [(rule, plan.seed) for plan in self.plans for rule in plan.guest]
        self._armed = [_Armed(rule, random.Random(f"{seed} {number}"))
                       for number, (rule, seed) in enumerate(rules)]

    def follow(self, now: float) -> None:
        if not self._armed or not self.vm.ready:
            return
        with suppress(QmpError):  # QEMU has just ended
            if self._frozen:
                self._thaw(now)
            elif self._life != self.vm.resets:
                if self.vm.resets:
                    self.vm.end_resets()
                self._life = self.vm.resets
                for each in self._armed:
                    each.arm(now)
            elif due := next((each for each in self._armed if each.due and each.due <= now), None):
                self._carry_out(due, now)

    def counts(self) -> dict[str, int]:
        """How often each was carried out."""
        return {str(each.rule): each.times for each in self._armed}

    def _carry_out(self, each: _Armed, now: float) -> None:
        each.due = None
        if each.rule.lasts:
            self.vm.pause()
            self._frozen = each, now + each.draw(each.rule.lasts)
        elif not self.vm.reset():
            return
        else:
            messages.say(f"the guest was reset, by '{each.rule}'; its command begins again")
        each.times += 1
        self._numbers[each.rule.action] += 1
        self.note(f"{each.rule.action} guest {self._numbers[each.rule.action]}")

    def _thaw(self, now: float) -> None:
        assert self._frozen
        each, until = self._frozen
        if now >= until:
            self._frozen = None
            self.vm.resume()
            each.arm(now)
