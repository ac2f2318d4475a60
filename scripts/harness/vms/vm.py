# SPDX-License-Identifier: BSD-3-Clause
"""One virtual machine, from its start to its verdict.

The guest's init writes to the `status` port: "waiting UPTIME" when it is up, "ready UPTIME" when
it has its wires and its command, and "exit STATUS" when the command has ended. A guest that died
writes nothing.

An emulated VM boots only once: it is saved while it waits, and later runs resume it from there
(saved_states.py).
"""

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol, Self

from bellwire.core import messages
from bellwire.core.children import Child
from bellwire.core.growing import Growing
from bellwire.core.pauses import Pauses
from bellwire.core.places import HarnessError
from bellwire.report import logs
from bellwire.report.logs import last_line
from bellwire.vms import post_mortem, qemu, saved_states
from bellwire.vms.plugs import Plug
from bellwire.vms.post_mortem import PostMortem
from bellwire.vms.qmp import Qmp, QmpError
from bellwire.vms.saved_states import State
from bellwire.vms.session import Completed, Session
from bellwire.vms.verdict import DEAD, TIMEOUT, Verdict, of_command, of_death

BOOT_LIMIT = 90.0  # seconds; a boot takes 2, but 42 were seen on a host with five times its load
RESUME_LIMIT = 20.0  # likewise; a resumed guest takes 0.3
PANIC_LIMIT = 30.0  # seconds to print all stacks
SLOTS = 2  # at least, of one that is saved: so most VMs go on from the same state
BOOTS = 2  # chances to boot; emulated guests hang, once in a while
RUN_LIMIT = 60.0  # seconds for a command of run()

NOT_RESUMED = Verdict(DEAD, "there was no saved state to go on from")


class QemuProcess(Protocol):
    """QEMU as the VM sees it, here or in an emulated host."""

    @property
    def pid(self) -> int: ...

    @property
    def status(self) -> int | None: ...

    def kill(self) -> None: ...

    def stop(self) -> object: ...


class Vm:
    """Its files are in `folder`; `overlay` holds the guest's command (image/overlay.py). `stdin`:
    QEMU's end of a socket from which that command reads."""

    def __init__(self, config: qemu.VmConfig, folder: Path, overlay: Path,
                 plugs: Sequence[Plug] = (), terminal: bool = False,
                 ports: Mapping[str, Path] = {}, stdin: socket.socket | None = None) -> None:
        self.config = config
        self.folder = folder
        self.boot_ms = 0  # from QEMU's start until the guest was ready
        self.boots = 0
        self.resumed = False
        self.resets = 0  # of the machine, by reset()
        self.plugging = False  # whether QEMU is about to connect its devices
        self.stdout = Growing(folder / "stdout")
        self.stderr = Growing(folder / "stderr")
        self.results = Growing(folder / qemu.PORTS["results"])
        self.console = folder / "console.log"
        self._terminal = terminal
        self._ports = ports
        self._stdin = stdin
        self.post_mortem: PostMortem | None = None  # of a command that took too long
        self.session: Session | None = None  # where run() runs its commands
        self._slots = max(len(plugs), SLOTS if config.resumable else 0)
        self._plugs = plugs
        kept = [plug.kept for plug in plugs]
        self._kept = [plug for plug in kept if plug] if all(kept) else []  # what a state has of them
        self._overlay = overlay
        self._status_file = folder / "status"
        self._bounded = [self.stdout, self.stderr, self.results, *map(Growing, (
            self.console, folder / "qemu.log", self._status_file, *ports.values()))]
        self._child: QemuProcess | None = None
        self._mapped: list[str] = []
        self._pauses = 0  # that have not ended
        self._status_from = self._results_from = 0  # where those of its last boot begin
        self._qmp = Qmp()  # a new one for each QEMU
        self.line = self._line(overlay, self._plugs, terminal)

    def boot(self, limit: float | None = BOOT_LIMIT,
             watch: Callable[[], None] = lambda: None) -> Verdict | None:
        """Starts it and waits until the guest is ready. Returns a verdict if it died instead.

        Calls `watch` meanwhile, which may raise.
        """
        with messages.waiting(f"the guest to be ready; its console: {self.console}"):
            if self.config.resumable:
                warm_end = self._warm(limit, watch)
                if warm_end is not NOT_RESUMED:
                    return warm_end
            return self._boot_cold(limit, watch)

    def _boot_cold(self, limit: float | None, watch: Callable[[], None]) -> Verdict | None:
        while self.boots < BOOTS:
            line = self._line(self._overlay, self._plugs, self._terminal, self._stdin)
            with self._plugging():
                self._launch(line, terminal=self._terminal, watch=watch)
            self.boots += 1
            if self.until(lambda: watch() or self._ready(), limit):
                return None
            if self._ended():
                return self._death()
            self._give_up(limit)
        raise HarnessError(f"the guest hung in {self.boots} boots; try --memory, --smp or another "
                           f"--kernel, or look at {self.folder}")

    def run(self, command: str | Sequence[str], limit: float = RUN_LIMIT) -> Completed:
        """Runs a command of the guest's shell, or one whose arguments are given, in a VM that
        Lab.boot() booted without one. Each runs in a shell of its own, without input. HarnessError:
        the guest died, or the command still ran after `limit` seconds, which ends the guest; the
        error then has the stacks of its tasks."""
        if not self.session:
            raise HarnessError("this VM runs a command of its own: boot it without one to run() others")
        return self.session.run(self, command, limit)

    @property
    def consoles(self) -> list[Path]:
        """The console logs of all kernels that ran for it."""
        return [self.console]

    @property
    def ready(self) -> bool:
        """Whether its command has begun, since the last reset."""
        return bool(self.boot_ms) and (not self.resets or self._word("ready") is not None)

    def reported(self) -> str:
        """The tests that its command has reported, since the last reset."""
        with suppress(FileNotFoundError):
            return self.results.path.read_bytes()[self._results_from:].decode(errors="replace")
        return ""

    @property
    def pid(self) -> int | None:
        """QEMU's, while it runs."""
        return self._child.pid if self._child and not self._ended() else None

    def cpu_threads(self) -> list[int]:
        """QEMU's threads for the guest's CPUs."""
        self._qmp.greet()
        return [cpu["thread-id"] for cpu in self._qmp.command("query-cpus-fast")]

    def pause(self) -> None:
        """Stops all CPUs of the guest until resume(); as often as that, if several stop them."""
        self._qmp.greet()
        if not self._pauses:
            self._qmp.command("stop")
        self._pauses += 1

    def resume(self) -> None:
        self._pauses -= 1
        if not self._pauses:
            self._qmp.command("cont")

    def reset(self) -> bool:
        """Resets the machine while it runs, as a reset button does. Its guest boots again, and its
        command begins again, without what it has read of its input. False: it has ended."""
        assert self.config.resets, "its QEMU may have no kernel for another boot"
        self._qmp.greet()
        self._qmp.command("set-action", reboot="reset")
        self._qmp.command("chardev-change", id="overlay", backend=qemu.overlay_again(self._overlay))
        self._qmp.command("system_reset")
        self._qmp.await_event("RESET", guest=False)
        if self._word("exit") is not None:
            return False
        # Until the guest has booted, nobody writes there.
        self._status_from, self._results_from = (
            file.stat().st_size for file in (self._status_file, self.results.path))
        self.resets += 1
        return True

    def end_resets(self) -> None:
        """Call it when it is ready after reset(): a guest that reboots by itself ends QEMU again. Its
        firmware resets the machine once more."""
        self._qmp.command("set-action", reboot="shutdown")

    def poll(self) -> Verdict | None:
        """The verdict, if it has ended."""
        self._check_sizes()
        ended = self._ended()  # asked first: both may come at once
        found = self._word("exit")
        if found is not None:
            return of_command(int(found))
        return self._death() if ended else None

    def wait(self, limit: float | None = None, between: Callable[[], None] = lambda: None
             ) -> Verdict:
        """Waits until the command ends, for `limit` seconds at most; calls `between` meanwhile."""
        pauses = Pauses(limit or None)
        while (verdict := self.poll()) is None:
            between()
            if pauses.over():
                between()
                stacks = f"; the stacks of its tasks: {self.console}" if self.end_with_stacks() else ""
                return Verdict(TIMEOUT, f"the command still ran after {limit:g} s{stacks}")
            pauses.sleep()
        between()
        return verdict

    def end_with_stacks(self) -> bool:
        """An NMI ends the kernel, which prints what all of its CPUs and tasks were at. Not that of a
        guest whose CPUs are stopped. `post_mortem` has it then."""
        ended = self._end_by_nmi()
        self.post_mortem = post_mortem.read(self.console, self._mapped)
        return ended

    def _end_by_nmi(self) -> bool:
        try:
            self._qmp.greet()
            self._mapped = post_mortem.mapped(self._qmp)
            if not self._qmp.command("query-status")["running"]:
                return False
            self._qmp.command("inject-nmi")
        except QmpError:  # it died, or runs in an emulated host
            return False
        return self.until(self._ended, PANIC_LIMIT)

    def replug(self, slot: int, meanwhile: Callable[[], None] = lambda: None,
               watch: Callable[[], None] = lambda: None) -> None:
        """Unplugs the wire of that slot, waits until the guest has released it, and plugs it in
        again. Calls `watch` while it is plugged in, which may raise. QmpError: QEMU refuses, or
        dies."""
        plug = self._plugs[slot]
        self._qmp.greet()
        saved_states.unplug(self._qmp, plug)
        meanwhile()
        with self._plugging(watch):
            saved_states.plug(self._qmp, [plug])

    def send_signal(self, number: signal.Signals) -> None:
        """Sends the signal to QEMU."""
        if self.pid:
            os.kill(self.pid, number)

    def kill(self) -> None:
        if self._child:
            self._child.kill()

    def close(self) -> None:
        """Ends QEMU if it still runs. Then everything that the guest wrote is on disk."""
        self._qmp.close()
        if self._child:
            self._child.stop()
        if self.session:
            self.session.close()

    def _check_sizes(self) -> None:
        """Raises if a log or a stream has grown past its limit."""
        for file in self._bounded:
            file.check()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _line(self, overlay: Path | None, plugs: Sequence[Plug] = (),
              terminal: bool = False, stdin: socket.socket | None = None,
              ram: qemu.Ram | None = None, resumed: bool = False, saved: int | None = None
              ) -> qemu.CommandLine:
        return qemu.line(self.config, self.folder, overlay, self._slots, plugs, terminal,
                         self._ports, stdin.fileno() if stdin else None, ram, resumed, saved)

    def _launch(self, line: qemu.CommandLine, *more: list[str], terminal: bool = False,
                watch: Callable[[], None] = lambda: None, inherited: Sequence[int] = ()) -> None:
        """Returns when QEMU has connected its devices, long before the guest is up."""
        self._qmp.close()
        self._qmp = Qmp()
        self._status_file.unlink(missing_ok=True)
        self._started = time.monotonic()
        self._child = self._spawn([*line, *more, self._qmp.arguments], terminal, inherited)
        self.until(lambda: watch() or self._status_file.exists(), BOOT_LIMIT)

    @contextmanager
    def _plugging(self, watch: Callable[[], None] = lambda: None) -> Iterator[None]:
        """QEMU waits for those that connect to it, and answers nothing meanwhile."""
        self.plugging, self._qmp.watch = True, watch
        try:
            yield
        finally:
            self.plugging, self._qmp.watch = False, lambda: None

    def _spawn(self, line: qemu.CommandLine, terminal: bool, inherited: Sequence[int]
               ) -> QemuProcess:
        ends = [self._qmp.peer, *([self._stdin] if self._stdin else [])]
        return Child(qemu.flat(line), self.folder / "qemu.log", terminal,
                     [*inherited, *(end.fileno() for end in ends)])

    def _warm(self, limit: float | None, watch: Callable[[], None]) -> Verdict | None:
        """Resumes a saved state, or boots once and saves one. Returns None if the guest is ready,
        NOT_RESUMED if it has to be booted, and a verdict if it died after it was resumed."""
        name = saved_states.key(self.config, self._slots, self._ports, self._kept)
        saved = False
        try:
            state = saved_states.find(name) or self._boot_and_save(name, limit, watch)
            if not state:
                return NOT_RESUMED
            saved = True
            with state:
                self._resume(state, watch)
            if self.until(lambda: watch() or self._ready(), RESUME_LIMIT):
                return None
            if logs.panic(self.console):
                return self._death()
            trouble = f"the guest {'died' if self._ended() else 'was not ready'} " \
                      f"{RESUME_LIMIT:g} s after it was resumed"
        except OSError as error:
            trouble = messages.reason(error)
        except QmpError as error:
            if saved and logs.panic(self.console):
                return self._death()
            trouble = last_line(self.folder / "qemu.log") or str(error)
        self.kill()
        self.resumed = False
        if saved:
            saved_states.drop(name)
        messages.say(f"booting, as the guest could not be {'resumed' if saved else 'saved'}: "
                     f"{trouble}")
        return NOT_RESUMED

    def _resume(self, state: State, watch: Callable[[], None]) -> None:
        self.resumed = True
        there, later = (self._plugs, []) if self._kept else ([], self._plugs)
        with saved_states.memory(state, self.config.shared_memory) as ram:
            line = self._line(self._overlay, there, self._terminal, self._stdin, ram, resumed=True)
            with self._plugging():
                self._launch(line, saved_states.INCOMING, terminal=self._terminal, watch=watch,
                             inherited=[state.devices])
            self._qmp.greet()
            saved_states.load(self._qmp, state, qemu.numbers(self.config.qemu))
        with self._plugging(watch):
            saved_states.plug(self._qmp, later)

    def _boot_and_save(self, name: str, limit: float | None, watch: Callable[[], None]
                       ) -> State | None:
        """Waits while another process saves that one. None if the guest does not come up well."""
        with saved_states.making(name) as making:
            if not self.until(making.alone, limit):
                return None
            if state := saved_states.find(name):
                return state
            self._launch(self._line(None, ram=making.ram, saved=len(self._kept)))
            self.boots += 1
            if self._prepared(limit, watch):
                if not logs.complaints(self.console):
                    making.save(self._qmp)
            elif not self._ended():
                self._give_up(limit)
        self.kill()
        return saved_states.find(name)

    def _give_up(self, limit: float | None) -> None:
        self.kill()
        if not self.console.exists():
            raise HarnessError(f"QEMU did not begin to run the guest in {limit:g} s: "
                               f"{last_line(self.folder / 'qemu.log') or 'it printed no reason'}; its "
                               f"log: {self.folder}/qemu.log")
        self.console.replace(self.folder / f"console-boot-{self.boots}.log")
        messages.say(f"the guest wasn't ready after {limit:g} s, boot {self.boots}; its console: "
                     f"{self.folder}/console-boot-{self.boots}.log")

    def _prepared(self, limit: float | None, watch: Callable[[], None]) -> bool:
        """Plugs in what the state has, once the guest waits for it."""
        if not self.until(lambda: watch() or self._word("waiting") is not None, limit):
            return False
        self._qmp.greet()
        with self._plugging(watch):
            saved_states.plug(self._qmp, self._plugs if self._kept else [])
        return self.until(lambda: watch() or self._word("prepared") is not None, limit)

    def _ready(self) -> bool:
        failure = self._word("failed")
        if failure is not None:
            raise HarnessError(f"the guest's init failed: {failure}; its console: {self.console}")
        if self._word("ready") is None:
            return False
        self.boot_ms = round((time.monotonic() - self._started) * 1000)
        return True

    def _ended(self) -> bool:
        return self._child is not None and self._child.status is not None

    def until(self, happened: Callable[[], bool], limit: float | None) -> bool:
        """False if it did not happen within `limit` seconds, or before QEMU ended."""
        pauses = Pauses(limit or None)
        while not happened():
            self._check_sizes()
            if self._ended() or pauses.over():
                return happened()
            pauses.sleep()
        return True

    def _word(self, keyword: str) -> str | None:
        """What init wrote after that keyword, in a complete line."""
        try:
            said = self._status_file.read_bytes()[self._status_from:].decode(errors="replace")
        except FileNotFoundError:
            return None
        found = (text.partition(" ") for text in said.split("\n")[:-1])
        return next((rest for first, _, rest in found if first == keyword), None)

    def _death(self) -> Verdict:
        """The verdict if QEMU ended before the guest's command."""
        status = (self._child.status if self._child else None) or 0
        return of_death(status, self.console, self.folder / "qemu.log")
