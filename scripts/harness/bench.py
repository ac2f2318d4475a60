# SPDX-License-Identifier: BSD-3-Clause
"""The transports beside each other: the same device, module and guest, rung over each in turn.

A round has a VM for each of them, one after the other; so what else the machine
does meets all. Figures are medians over the rounds; ratios are of one round's
figures, and their median with its spread is what counts.
"""

import argparse
import json
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from . import accel, kernel, prepare, qemu, run, toolbox
from .lab import Lab
from .places import HarnessError
from .qemu import Machine

WAYS = {
    "ivshmem": "ivshmem",
    "posted doorbells": "vfio-user",
    "doorbell page, adaptive": "vfio-user,page=1",
    "doorbell page, always polled": "vfio-user,page=1,awake=1",
}
LIMIT = 300.0


@dataclass(frozen=True)
class Ratio:
    """`figure` of one way by that of another, and what it should be at most."""

    name: str
    figure: str
    way: str
    base: str
    limit: float


RATIOS = (
    Ratio("doorbell to interrupt, posted / ivshmem", "hop_p50_us", "posted doorbells", "ivshmem",
          1.2),
    Ratio("doorbell to interrupt, page / posted", "hop_p50_us", "doorbell page, always polled",
          "posted doorbells", 0.5),
    Ratio("the guest's kick, page / posted", "kick_p50_us", "doorbell page, always polled",
          "posted doorbells", 0.5),
    Ratio("round trip, posted / ivshmem", "p50_us", "posted doorbells", "ivshmem", 1.2),
    Ratio("round trip, page / posted", "p50_us", "doorbell page, always polled",
          "posted doorbells", 0.5),
    Ratio("round trip, adaptive page / posted", "p50_us", "doorbell page, adaptive",
          "posted doorbells", 0.5),
)
COLUMNS = {"kick_p50_us": "kick, p50 µs", "hop_p50_us": "doorbell to interrupt, p50 µs", "p50_us": "round trip, p50 µs",
           "p99_us": "p99 µs", "deep_per_second": "per s, depth 64"}


def main(argv: Sequence[str]) -> int:
    options = _options(argv)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    try:
        machine, version = _machine()
        rounds = [{name: _measure(machine, transport, options.count)
                   for name, transport in WAYS.items()} for _ in range(options.rounds)]
    except HarnessError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    facts = {"accel": machine.accel, "qemu": version, "kernel": machine.image.release,
             "guest_cpus": machine.smp, "rounds": rounds,
             "ratios": [_ratio(wish, rounds) for wish in RATIOS]}
    _show(facts)
    if options.json:
        options.json.write_text(json.dumps(facts, indent=1) + "\n")
    return 0


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suite", choices=("vfio-user",))
    parser.add_argument("--rounds", type=int, default=5, metavar="N",
                        help="how often each is measured (default: 5)")
    parser.add_argument("--count", type=int, default=10_000, metavar="N",
                        help="rings one at a time, of each in each round (default: 10000)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="writes the figures there")
    options = parser.parse_args(argv)
    for name in ("rounds", "count"):
        if not 1 <= getattr(options, name) <= 10_000_000:
            parser.error(f"--{name} {getattr(options, name)}: choose 1 to 10000000")
    return options


def _machine() -> tuple[Machine, str]:
    program = toolbox.find(toolbox.VFIO_USER, "vfio-user-pci")
    machine = Machine(prepare.everything(kernel.DEFAULT), qemu=program, shared_memory=True)
    version = qemu.version(program)
    return machine.on(accel.choose("auto", machine, version)), version


def _measure(machine: Machine, transport: str, count: int) -> dict[str, float]:
    with Lab(machine, run.create(), transport=transport) as lab:
        lab.start()
        vm = lab.vm(["sh", "-c", "exec >/run/bellwire/results; "
                     f"bell ring --ktap --trace --count {count} && "
                     f"bell ring --ktap --count {count * 10} --depth 64"])
        if death := vm.boot(watch=lab.check):
            raise HarnessError(death.reason)
        verdict = vm.wait(LIMIT)
    if verdict.status:
        raise HarnessError(f"{transport}: {verdict.reason}; see {vm.folder}")
    single, deep = [json.loads(line[2:]) for line in vm.results.path.read_text().splitlines()
                    if line.startswith("# {")]
    return {**{key: single[key] for key in ("kick_p50_us", "hop_p50_us", "p50_us",
                                         "p99_us")},
            "deep_per_second": deep["per_second"]}


def _ratio(wish: Ratio, rounds: list[dict]) -> dict:
    ratios = sorted(figures[wish.way][wish.figure] / figures[wish.base][wish.figure]
                    for figures in rounds)
    value = median(ratios)
    return {"name": wish.name, "value": value, "spread": [ratios[0], ratios[-1]],
            "limit": wish.limit, "ok": value <= wish.limit}


def _show(facts: dict) -> None:
    print(f"QEMU {facts['qemu']}, {facts['accel'].upper()}, kernel {facts['kernel']}, "
          f"{facts['guest_cpus']} CPU; {len(facts['rounds'])} rounds in turn, medians\n")
    print(f"{'':32}" + "".join(f"{heading:>31}" for heading in COLUMNS.values()))
    for way in WAYS:
        cells = (median(figures[way][key] for figures in facts["rounds"]) for key in COLUMNS)
        print(f"{way:32}" + "".join(f"{cell:>31,.1f}" for cell in cells))
    print(f"\n{'':44}{'ratio':>8}{'spread':>16}{'at most':>9}")
    for ratio in facts["ratios"]:
        low, high = ratio["spread"]
        print(f"{ratio['name']:44}{ratio['value']:8.2f}{low:9.2f} … {high:.2f}"
              f"{ratio['limit']:9.2f}  {'' if ratio['ok'] else 'missed'}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
