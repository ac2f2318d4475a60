# SPDX-License-Identifier: BSD-3-Clause
"""One ring in slow motion, through a real VM: held before each hop until a key is pressed.

The guest's bell holds the hops of the process and the module, the device those of its own. Each is
asked in turn what it holds: only one of them holds something, as there is one ring. The device draws
the screen, because it sees the shared memory; the guest's eventfds are added.
"""

import argparse
import json
import os
import re
import select
import socket
import sys
import termios
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, Self

from bellwire.commands import demo_rings
from bellwire.commands.demo_frame import Frame
from bellwire.core.growing import LineReader
from bellwire.core.pauses import Pauses
from bellwire.core.places import HarnessError
from bellwire.labs.lab import Lab
from bellwire.report import logs
from bellwire.vms.vm import Vm

EVERY = (0.01, 3600.0)  # seconds
LIMIT = 60.0  # seconds from one stop to the next, while nothing is held: a bound, not a goal
AT_THE_END = 60.0  # likewise, for the rest of the guest's command


def seconds(word: str) -> float:
    """1s, 500ms or 2."""
    found = re.fullmatch(r"([0-9.]+)(s|ms|)", word)
    try:
        value = float(found[1]) / (1000 if found[2] == "ms" else 1) if found else 0.0
    except ValueError:
        value = 0.0
    if not EVERY[0] <= value <= EVERY[1]:
        raise argparse.ArgumentTypeError(f"'{word}': choose a time from 10ms to 3600s, such as 1s or 500ms")
    return value


def show(frame: Frame, options: argparse.Namespace) -> int:
    with Lab(frame.config, frame.folder, transport=options.transport,
             device_options=["--step=control"]) as lab:
        lab.start()
        ours, guests = socket.socketpair()
        vm = lab.vm(["bell", "ring", "--step=lines"], stdin=guests)
        if death := vm.boot(watch=lab.check):
            raise HarnessError(death.reason)
        frame.say_up(vm)
        with Guest(vm, ours) as guest, Device(lab) as device, Keys(options.every) as keys:
            stops = _follow(lab, guest, device, keys)
        verdict = vm.wait(AT_THE_END, lab.check_logs)
    troubles = logs.complaints(vm.console)
    if verdict.status and not troubles:
        troubles = [verdict.reason]
    return frame.close(troubles, f"one ring, held at {stops} hops: one request, one answer")


def _follow(lab: Lab, guest: "Guest", device: "Device", keys: "Keys") -> int:
    """Shows each stop, until the guest has ended. Returns how many there were."""
    stops = 0
    while held := _next_stop(lab, guest, device):
        side, stop, values = held
        stops += 1
        print(device.draw(stop, values, keys.by_hand), end="", flush=True)
        if keys.wait(lab.check_logs) == "run":
            device.ask("run")
            guest.ask("run")
        else:
            side.ask("next")
    return stops


def _next_stop(lab: Lab, guest: "Guest", device: "Device"
               ) -> "tuple[Guest | Device, dict[str, Any], dict[str, int]] | None":
    """Who holds the ring, where, and what the guest sees; None: the guest has ended."""
    pauses = Pauses(LIMIT)
    while not pauses.over():
        lab.check_logs()
        seen = guest.ask("show")
        if seen is None:
            return None
        if seen["stop"]:
            return guest, seen["stop"], seen["values"]
        if there := device.ask("show")["stop"]:
            return device, there, seen["values"]
        pauses.sleep()
    raise HarnessError(f"nobody has held the ring for {LIMIT:g} s, and it isn't over")


class Guest:
    """`bell ring --step=lines`, at the other end of its standard input and output."""

    def __init__(self, vm: Vm, stdin: socket.socket) -> None:
        self._vm, self._stdin = vm, stdin
        self._reader = LineReader()
        self._lines: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stdin.close()

    def ask(self, command: str) -> dict[str, Any] | None:
        """What it answers; None: it has ended."""
        self._stdin.sendall(f"{command}\n".encode())
        pauses = Pauses(LIMIT)
        while not pauses.over():
            ended = self._vm.poll()  # asked first: the last lines come before it
            self._lines += self._reader.lines(self._vm.stdout.read())
            if self._lines:
                answer: dict[str, Any] = json.loads(self._lines.pop(0))
                return answer
            if ended:
                return None
            pauses.sleep()
        raise HarnessError(f"the guest's bell has not answered '{command}' for {LIMIT:g} s")


class Device:
    """The device, by its control socket."""

    def __init__(self, lab: Lab) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(LIMIT)
        self._socket.connect(str(lab.devices[0].control))
        self._answers = self._socket.makefile("rb")
        plain = not sys.stdout.isatty()
        self._look = {"colour": not plain and not os.environ.get("NO_COLOR"), "clear": not plain}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._answers.close()
        self._socket.close()

    def ask(self, act: str) -> dict[str, Any]:
        held: dict[str, Any] = self._request({"act": act})["step"]
        return held

    def draw(self, stop: Mapping[str, Any], values: Mapping[str, int], keys: bool) -> str:
        screen: str = self._request({"act": "draw", "stop": stop, "values": values, "keys": keys,
                                     **self._look})["screen"]
        return screen

    def _request(self, words: Mapping[str, Any]) -> dict[str, Any]:
        self._socket.sendall(json.dumps({"do": "step", **words}).encode() + b"\n")
        answer: dict[str, Any] = json.loads(self._answers.readline() or b'{"error": "it has gone"}')
        if "error" in answer:
            raise HarnessError(f"the device's control socket: {answer['error']}")
        return answer


class Keys:
    """Keys of a terminal, lines of an input that is none, or time. The end of the input means run."""

    def __init__(self, every: float | None) -> None:
        self._every = every
        self._open = ExitStack()
        self._raw = every is None and os.isatty(0)
        self._line = b""

    @property
    def by_hand(self) -> bool:
        return self._every is None

    def __enter__(self) -> Self:
        if self._raw:
            self._open.enter_context(_each_key())
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def wait(self, meanwhile: Callable[[], object]) -> str:
        """next or run. Calls `meanwhile` again and again."""
        began = time.monotonic()
        while True:
            meanwhile()
            if self._every is not None:
                if (left := began + self._every - time.monotonic()) <= 0:
                    return "next"
                time.sleep(min(left, 0.02))
            elif select.select([0], [], [], 0.05)[0] and (sign := self._sign(os.read(0, 1))):
                return sign

    def _sign(self, key: bytes) -> str:
        """Of a key, or of a line at its end; empty: not yet."""
        if not key:
            return "run"
        if self._raw:
            return "run" if key in b"qQ" else "next"
        if key != b"\n":
            self._line += key
            return ""
        line, self._line = self._line, b""
        return "run" if line.strip() in (b"q", b"Q") else "next"


@contextmanager
def _each_key() -> Iterator[None]:
    """The terminal gives each key at once, and doesn't show it."""
    before = termios.tcgetattr(0)
    now = termios.tcgetattr(0)
    now[3] &= ~(termios.ICANON | termios.ECHO)
    termios.tcsetattr(0, termios.TCSANOW, now)
    try:
        yield
    finally:
        termios.tcsetattr(0, termios.TCSANOW, before)


def refuse(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Exits if there are options that mean nothing in slow motion, or without it."""
    if not options.step:
        if options.every is not None:
            parser.error("--every is for --step")
        return
    if options.transport not in demo_rings.PICTURES:
        parser.error(f"--step: {options.transport} has no rings of ours; choose another --transport")
    for name in ("count", "json", "trace", "fault"):
        if getattr(options, name) not in (None, []):
            parser.error(f"--step shows one ring, and takes no --{name}")
