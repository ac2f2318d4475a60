# SPDX-License-Identifier: BSD-3-Clause
"""Breaks one guest's device for as long as you like, and watches another guest.

Two guests with a device each are on one switchboard, and ring all the time. What
happens to the first, the victim, a seed chooses: its doorbells and interrupts are
lost, late, doubled or misrouted; its device is killed and started again, or
stopped; it is frozen, or reset. Nothing is done to the second, the bystander.

Both check each completion: none may be missing, there twice, or wrong. Nothing
that bellwire holds for the bystander may grow, and nothing may be said of it.
The page that is written plots its latency, and everyone's memory, descriptors
and threads.

Exit status: 0 all is well; 1 something was lost, or grew; 2 wrong usage.
"""

import argparse
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bellwire.commands import command_line, soak_page
from bellwire.commands.demo_frame import Frame
from bellwire.commands.soak_page import Sample
from bellwire.core import host
from bellwire.core.growing import LineReader
from bellwire.core.places import HarnessError, replace_file
from bellwire.labs.lab import Lab
from bellwire.labs.processes import Device
from bellwire.report import logs
from bellwire.vms import toolbox
from bellwire.vms.qmp import QmpError
from bellwire.vms.vm import Vm

TITLE = "one guest's device is broken again and again; the other guest notices nothing"
PICTURE = """\
 victim    ──doorbell──▶ device, which is killed, stopped, and loses what it is sent
 bystander ──doorbell──▶ device, which nobody touches
      └──── one switchboard, and its memory, for both ────┘
"""
BYSTANDER, VICTIM = 0, 1
# A run's figures come when it ends, so it is short: about a second.
COUNT, DEPTH = 10_000, 4
SIGNALS = ("drop doorbell 1/100", "drop interrupt 1/100", "delay doorbell 1/10 50us..2ms",
           "delay interrupt 1/10 50us..2ms", "double doorbell 1/10", "double interrupt 1/10",
           "merge doorbell 1/10 1ms", "merge interrupt 1/10 1ms", "misroute doorbell 1/100",
           "misroute interrupt 1/100", "stall doorbell 1/100 1ms", "stall interrupt 1/100 1ms")
SAY = 60.0  # seconds between two lines of progress
LAST_RUN = 120.0  # seconds for the bystander's last run to end: a bound, not a goal


@dataclass(frozen=True)
class Act:
    """Something that happens to the victim, and what ends it after a while."""

    name: str
    begin: Callable[["Soak"], object]  # False: it could not
    end: Callable[["Soak"], object] = lambda _: None
    longest: float = 0.0  # seconds


def _give(plan: str) -> Act:
    return Act(" ".join(plan.split()[:2]), lambda soak: soak.device.ask({"do": "fault", "plan": plan}),
               lambda soak: soak.device.ask({"do": "end faults"}), 3.0)


# A guest that stands still for about 1.6 s is taken for one that lost an interrupt (docs/decisions), so
# none is frozen for that long.
ACTS = (*map(_give, SIGNALS), *3 * (
        Act("kill device", lambda soak: soak.kill()),
        Act("stop device", lambda soak: soak.device.pause(), lambda soak: soak.device.resume(),
            4.0),
        Act("freeze guest", lambda soak: soak.victim.pause(), lambda soak: soak.victim.resume(), 1.0),
        Act("reset guest", lambda soak: soak.reset())))
PAUSE = 0.2, 2.0  # seconds between two of them


def main(argv: Sequence[str]) -> int:
    options = _options(argv)
    command_line.exit_on_signals()
    frame = Frame.open(TITLE, PICTURE, "ivshmem", options.qemu)
    with Lab(frame.config, frame.folder, ("echo",), guests=2) as lab:
        lab.devices[VICTIM].add_options(["--allow-faults"])
        lab.supervise()
        soak = Soak(lab, options.seed, options.minutes * 60)
        print(f"seed {options.seed}, {options.minutes:g} min", flush=True)
        soak.boot()
        frame.say_up(lab.vms[BYSTANDER])
        soak.run()
    return _report(frame, soak, options)


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = command_line.parser("soak", __doc__)
    parser.add_argument("--minutes", type=float, default=2.0, metavar="N",
                        help="how long (default: 2)")
    parser.add_argument("--seed", type=int, default=None, metavar="N",
                        help="chooses what happens to the victim (default: by the clock)")
    parser.add_argument("--page", type=Path, metavar="FILE", help="write the page to FILE, too")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to FILE")
    parser.add_argument("--qemu", metavar="PATH", default=toolbox.PROGRAM,
                        help="the QEMU to run, as in boot-vm")
    options = parser.parse_args(argv)
    if not 0.1 <= options.minutes <= 10_000:
        parser.error(f"--minutes {options.minutes:g}: choose 0.1 to 10000")
    command_line.check_number(parser, options, "seed", 0, 2**63 - 1)
    command_line.check_folders(parser, options, "page", "json")
    if options.seed is None:
        options.seed = time.time_ns() // 1000
    return options


@dataclass
class Ringer:
    """What a guest has reported of its runs."""

    vm: Vm
    runs: int = 0
    rings: int = 0
    recovered: int = 0
    troubles: list[str] = field(default_factory=list)
    _lines: LineReader = field(default_factory=LineReader)

    def follow(self) -> Iterator[dict[str, Any]]:
        """The figures of the runs that have ended since the last call."""
        for line in self._lines.lines(self.vm.stdout.read()):
            if line.startswith('# {"device"'):
                with suppress(json.JSONDecodeError):  # a reset cut it
                    yield self._take(json.loads(line.removeprefix("# ")))

    def _take(self, run: dict[str, Any]) -> dict[str, Any]:
        self.runs += 1
        self.rings += run["completions"]
        self.recovered += run["recovered_doorbells"] + run["recovered_interrupts"]
        wrong = {name: run[name] for name in ("lost", "duplicated", "corrupted", "hung") if run[name]}
        if wrong or not 0 < run["rings"] == run["completions"]:
            self.troubles.append(f"run {self.runs}: {run['rings']} rings, {run['completions']} "
                                 f"completions, {wrong or 'none wrong'}")
        return run


class Soak:
    def __init__(self, lab: Lab, seed: int, seconds: float) -> None:
        self._lab, self._seconds = lab, seconds
        self._chance = random.Random(seed)
        self.happened: Counter[str] = Counter()
        self.samples: list[Sample] = []
        self.latencies: list[tuple[float, float, float]] = []  # second, p50 µs, p99 µs
        self.ringers: list[Ringer] = []
        self._act: tuple[Act, float] | None = None  # under way, until then
        self._next = 0.0
        self._said = 0.0

    @property
    def device(self) -> Device:
        """The victim's."""
        return self._lab.devices[VICTIM]

    @property
    def victim(self) -> Vm:
        return self._lab.vms[VICTIM]

    def boot(self) -> None:
        self._lab.start()
        for _ in (BYSTANDER, VICTIM):
            vm = self._lab.vm(["sh", "-c", _guest_script(self._seconds)])
            if death := vm.boot(watch=self._lab.check):
                raise HarnessError(death.reason)
            self.ringers.append(Ringer(vm))

    def run(self) -> None:
        """Until the bystander's command has ended, after its time."""
        self._began = time.monotonic()
        self._lab.vms[BYSTANDER].wait(self._seconds + LAST_RUN, self._step)
        self._end_act()

    def _step(self) -> None:
        now = time.monotonic() - self._began
        self._lab.check()
        for number, ringer in enumerate(self.ringers):
            for run in ringer.follow():
                if number == BYSTANDER:
                    self.latencies.append((now, run["p50_us"], run["p99_us"]))
        if not self.samples or now - self.samples[-1].second >= 1:
            self.samples.append(soak_page.sample(now, self._pids()))
        if now >= self._said + SAY:
            self._say(now)
        self._go_on(now)

    def _say(self, now: float) -> None:
        self._said = now
        bystander, victim = self.ringers
        print(f"  {now / 60:.0f} min: {bystander.rings:,} rings of the bystander, p50 "
              f"{self.latencies[-1][1] if self.latencies else 0:.0f} µs; {victim.rings:,} of the victim, "
              f"to which {self.happened.total()} things happened", flush=True)

    def _pids(self) -> dict[str, int | None]:
        lab = self._lab
        assert lab.switchboard
        return {"switchboard": lab.switchboard.pid, "bystander's device": lab.devices[BYSTANDER].pid,
                "bystander's QEMU": lab.vms[BYSTANDER].pid, "victim's device": self.device.pid,
                "victim's QEMU": self.victim.pid}

    def _go_on(self, now: float) -> None:
        if self._act and now >= self._act[1]:
            self._end_act()
            self._next = now + self._chance.uniform(*PAUSE)
        if self._act or now < self._next or now >= self._seconds or not self.victim.ready:
            return
        act = self._chance.choice(ACTS)
        if self.victim.resets:
            self.victim.end_resets()
        if act.begin(self) is False:  # its device does not answer yet
            self._next = now + PAUSE[0]
            return
        self.happened[act.name] += 1
        self._act = act, now + self._chance.uniform(0.02, act.longest or 0.02)

    def _end_act(self) -> None:
        if self._act:
            with suppress(QmpError):
                self._act[0].end(self)
            self._act = None

    def kill(self) -> None:
        self.device.kill()
        self.device.start()

    def reset(self) -> None:
        self.victim.reset()

    def troubles(self) -> list[str]:
        """What is wrong, after the run."""
        found = [f"{name}: {trouble}" for name, ringer in zip(("bystander", "victim"), self.ringers)
                 for trouble in [*ringer.troubles, *([] if ringer.runs else ["no run has ended"])]]
        found += [f"{vm.folder.name}: {line}" for vm in self._lab.vms
                  for line in logs.complaints(vm.console)]
        log = self._lab.devices[BYSTANDER].log
        found += [f"bystander's device: {line}" for line in [*logs.hangs(log), *logs.interruptions(log)]]
        found += [f"victim's device: {line}" for line in logs.hangs(self.device.log)]
        verdict = self._lab.vms[BYSTANDER].poll()
        if not verdict or verdict.status:
            found.append(f"bystander: {verdict.reason if verdict else 'its command has not ended'}")
        return found + soak_page.growth(self.samples)


def _guest_script(seconds: float) -> str:
    """Rings until so many seconds have passed, since its boot or since it began again."""
    return f"""now() {{ cut -d. -f1 /proc/uptime; }}
end=$(($(now) + {seconds:.0f}))
while [ $(now) -lt $end ]; do bell ring --ktap --count {COUNT} --depth {DEPTH} || exit; done"""


def _report(frame: Frame, soak: Soak, options: argparse.Namespace) -> int:
    bystander, victim = soak.ringers
    facts = {"seed": options.seed, "minutes": options.minutes,
             **{f"host {name}": fact for name, fact in host.facts().items()},
             "rings of the bystander": f"{bystander.rings:,}", "of the victim": f"{victim.rings:,}",
             "recovered by the victim": f"{victim.recovered:,}",
             "restarts of its device": soak.happened["kill device"],
             "resets of its guest": victim.vm.resets}
    troubles = soak.troubles()
    page = soak_page.page(facts, frame.facts(), troubles, soak.samples, soak.latencies, soak.happened)
    for path in (frame.folder / "soak.html", options.page):
        if path:
            replace_file(path, page)
    frame.write(options.json, {**facts, "happened": dict(soak.happened), "troubles": troubles,
                               "growth": soak_page.spans(soak.samples)})
    print("\n".join(f"{name}: {fact}" for name, fact in facts.items()))
    print("what happened to the victim: " + ", ".join(
        f"{times} × {name}" for name, times in soak.happened.most_common()))
    print(soak_page.table_of(soak.samples))
    print(f"page: {options.page or frame.folder / 'soak.html'}")
    return frame.close(troubles, f"{bystander.rings + victim.rings:,} rings, none lost, none "
                                 "duplicated, every answer correct; nothing grew")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
