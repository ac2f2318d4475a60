# SPDX-License-Identifier: BSD-3-Clause
"""`bellwire device … --on vfio-user:PATH` under drivers and clients that come and go as they like:
nothing that they do ends the process, and nothing of one is left to the next."""

import os
import resource
import struct
import subprocess
import threading
import time
import unittest
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from program import PROGRAM
from programs_test import FAILED as STATUS_FAILED
from programs_test import PATIENCE, ProgramCase
from vfio_user_peer import (BAD_MEMORY, CONTROL, DOORBELL, FAILED, NO_REPLY, OFF, READY, RESET,
                            STATUS, DMA_UNMAP, Peer, claim, message, queue_of, served, store)
from words import store_word

BATCHES = {"off": [store(CONTROL, 1), store(CONTROL, 0)],
           "reset": [store(CONTROL, 1), message(RESET)],
           "on, off, on": [store(CONTROL, 1), store(CONTROL, 0), store(CONTROL, 1)],
           "posted": [store(CONTROL, 1, NO_REPLY), store(CONTROL, 0, NO_REPLY)]}


class CardCase(ProgramCase):
    def serve(self, *options: str, where: str = "", level: str = "warning",
              limit: tuple[int, int] | None = None) -> subprocess.Popen[str]:
        self.log = self.folder / "log"
        with self.log.open("wb") as log:
            process = subprocess.Popen(
                [PROGRAM, "--log-level", level, "device", "echo", "--on",
                 f"vfio-user:{self.socket}{where}", *options], stdin=subprocess.DEVNULL, stderr=log,
                preexec_fn=partial(resource.setrlimit, resource.RLIMIT_NOFILE, limit) if limit
                else None, text=True)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.until(lambda: self.socket.exists() or process.poll() is not None)
        return process

    def peer(self) -> Peer:
        peer = Peer(self.socket, PATIENCE)
        self.addCleanup(peer.close)
        return peer

    def assert_served(self, by_page: bool = False) -> None:
        """The next client's driver turns the card on, and its queue is served."""
        peer = self.peer()
        memory = peer.give_memory()
        self.assertEqual(peer.turn_on(), READY)
        claim(memory)
        if by_page:
            peer.page()[0] = 1
        peer.ask(store(DOORBELL, 1))
        self.until(lambda: served(memory))
        peer.close()

    def end(self, process: subprocess.Popen[str], options: Sequence[str] = ()) -> None:
        """In good order, so that leaks are reported. A plan to drop something was not reached."""
        process.terminate()
        status = STATUS_FAILED if "--drop" in options else 0
        self.assertEqual(process.wait(PATIENCE), status, self.log.read_text())


class OnAndOff(CardCase):
    def test_in_one_batch(self) -> None:
        for name, batch in BATCHES.items():
            for options in ((), ("--poll", "adaptive", "--moderate", "50"),
                            ("--drop", "interrupt=1000")):
                with self.subTest(f"{name} {' '.join(options)}".strip()):
                    process = self.serve(*options)
                    peer = self.peer()
                    peer.give_memory()
                    for _ in range(50):
                        peer.say(b"".join(batch))
                        for said in batch:
                            if name != "posted":
                                self.assertEqual(peer.answer()[0], 0)
                        if name == "reset":
                            peer.give_registers()
                    peer.close()
                    self.assert_served()
                    self.end(process, options)

    def test_a_client_that_is_gone_at_once(self) -> None:
        process = self.serve("--control", str(self.folder / "control"))
        for times in range(100):
            peer = self.peer()
            peer.give_memory()
            peer.say(store(CONTROL, 1, NO_REPLY if times % 2 else 0))
            if times % 3:
                time.sleep(times / 20000)
            peer.close()
        self.assert_served()
        self.end(process)

    def test_while_it_is_recorded(self) -> None:
        out = self.folder / "trace.json"
        process = self.serve("--trace", str(out))
        peer = self.peer()
        memory = peer.give_memory()
        for generation in range(1, 100, 2):
            self.assertEqual(peer.turn_on(), READY)
            store_word(memory, queue_of(memory), "<I", generation)
            peer.ask(store(DOORBELL, 1))
            peer.ask(store(CONTROL, 0))
        peer.close()
        self.assert_served()
        self.end(process)
        self.assertGreater(out.stat().st_size, 0)


class Formats(CardCase):
    def test_a_format_that_changes_while_the_card_turns_on(self) -> None:
        process = self.serve()
        peer = self.peer()
        memory = peer.give_memory()
        self.assertEqual(peer.turn_on(), READY)
        peer.ask(store(CONTROL, 0))
        stop = threading.Event()

        def flip() -> None:
            while not stop.is_set():
                for at in (0, 12, 40):  # magic, queues, ring_entries
                    memory[at] ^= 0xFF
                    memory[at] ^= 0xFF

        flipping = threading.Thread(target=flip)
        flipping.start()
        try:
            seen = set()
            for _ in range(500):
                seen.add(peer.turn_on())
                peer.ask(store(CONTROL, 0))
        finally:
            stop.set()
            flipping.join()
        self.assertLessEqual(seen, {READY, BAD_MEMORY})
        self.assertIsNone(process.poll(), self.log.read_text())
        peer.close()
        self.assert_served()
        self.end(process)

    def test_a_bad_format_is_refused_with_its_reason(self) -> None:
        process = self.serve()
        peer = self.peer()
        memory = peer.give_memory()
        memory[:8] = b"nonsense"
        self.assertEqual(peer.turn_on(), BAD_MEMORY)
        self.until(lambda: "format is broken" in self.log.read_text())
        memory[:8] = bytes(8)
        self.assertEqual(peer.turn_on(), READY)
        peer.close()
        self.assert_served()
        self.end(process)


class Descriptors(CardCase):
    def open(self, process: subprocess.Popen[str]) -> int:
        return len(os.listdir(f"/proc/{process.pid}/fd"))

    def test_the_limit_is_checked_at_the_start_and_what_it_asks_for_is_enough(self) -> None:
        for options, where in (((), ""), (("--moderate", "10", "--drop", "doorbell=99"), ",page=1"),
                               ((), ",vectors=32")):
            with self.subTest(f"{options} {where}"):
                least = self.least_limit(options, where)
                process = self.serve(*options, where=where, limit=(least, least))
                self.assertIsNone(process.poll(), self.log.read_text())
                for _ in range(3):
                    peer = self.peer()
                    peer.give_memory()
                    peer.connect_interrupts(32 if "32" in where else 8)
                    self.assertEqual(peer.turn_on(), READY, self.log.read_text())
                    used = self.open(process)
                    peer.close()
                self.assert_served(by_page="page" in where)
                self.assertLess(least, 2 * used + 40)
                self.end(process, options)

    def least_limit(self, options: tuple[str, ...], where: str) -> int:
        """By what a refusal says is needed: then that is enough, and one less is not."""
        process = self.serve(*options, where=where, limit=(30, 30))
        self.assertEqual(process.wait(PATIENCE), STATUS_FAILED)
        refusal = self.log.read_text()
        self.assertRegex(refusal, r"\Abellwire: \d+ file descriptors are needed, the limit is 30")
        self.assertFalse(self.socket.exists())
        needed = int(refusal.split()[1])
        process = self.serve(*options, where=where, limit=(needed - 1, needed - 1))
        self.assertEqual(process.wait(PATIENCE), STATUS_FAILED)
        return needed

    def test_a_soft_limit_is_raised(self) -> None:
        process = self.serve(limit=(30, 1024))
        self.assert_served()
        self.end(process)

    def test_none_left_when_the_driver_turns_the_card_on(self) -> None:
        process = self.serve("--moderate", "10")
        peer = self.peer()
        peer.give_memory()
        before = self.open(process)
        for spare in range(0, 60, 5):
            resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (before + spare, 1024))
            status = peer.turn_on()
            self.assertIn(status, (READY, FAILED))
            if spare == 0:
                self.assertEqual(status, FAILED)
                self.until(lambda: "can't be turned on: " in self.log.read_text())
                self.assertIn("Too many open files", self.log.read_text())
            peer.ask(store(CONTROL, 0))
            self.assertEqual(peer.load(STATUS), OFF)
            self.assertEqual(self.open(process), before)
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (1024, 1024))
        self.assertEqual(peer.turn_on(), READY)
        peer.close()
        self.assert_served()
        self.end(process)

    def test_none_left_when_a_client_comes(self) -> None:
        process = self.serve()
        self.assert_served()
        before = self.open(process)
        for spare in range(4):
            resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (before + spare, 1024))
            try:
                peer = Peer(self.socket, 1)
                peer.close()
            except OSError:  # it may wait, or be turned away
                pass
            except EOFError:
                pass
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (1024, 1024))
        self.until(self.lets_in)
        self.assert_served()
        self.end(process)

    def lets_in(self) -> bool:
        try:
            Peer(self.socket, PATIENCE).close()
        except (OSError, EOFError):
            return False
        return True


class Departed(CardCase):
    def test_it_leaves_nothing_behind(self) -> None:
        process = self.serve()
        self.assert_served()

        def ready() -> tuple[int, bool]:
            """How many descriptors it has, and whether the guest's memory is mapped."""
            return (len(os.listdir(f"/proc/{process.pid}/fd")),
                    "memfd:guest" in Path(f"/proc/{process.pid}/maps").read_text())

        self.until(lambda: not ready()[1])
        before = ready()
        for address in (0x100000, 2**64 - (1 << 20), 0):
            with self.subTest(hex(address)):
                peer = self.peer()
                peer.give_memory(address)
                peer.connect_interrupts(8)
                self.assertEqual(peer.turn_on(), READY)
                self.assertNotEqual(ready(), before)
                peer.close()
                self.until(lambda: ready() == before)
                peer = self.peer()
                self.assertEqual(peer.load(STATUS), OFF)
                peer.close()
        self.end(process)

    def test_memory_at_the_end_of_all_addresses_is_given_back(self) -> None:
        process = self.serve()
        peer = self.peer()
        address = 2**64 - (1 << 20)
        peer.give_memory(address)
        self.assertEqual(peer.turn_on(), READY)
        error, _, _ = peer.ask(message(DMA_UNMAP, struct.pack("<IIQQ", 24, 0, address, 1 << 20)))
        self.assertEqual((error, peer.load(STATUS)), (0, OFF))
        self.assertNotIn("memfd:guest", Path(f"/proc/{process.pid}/maps").read_text())
        self.end(process)

    def test_its_doorbells_are_not_the_next_clients(self) -> None:
        process = self.serve()
        peer = self.peer()
        kept = peer.doorbells()
        self.assertEqual(len(kept), 8)
        peer.close()
        for fd in kept:
            os.set_blocking(fd, True)
        peer = self.peer()
        memory = peer.give_memory()
        self.assertEqual(peer.turn_on(), READY)
        for fd in kept:
            os.eventfd_write(fd, 5)  # type: ignore[attr-defined]
        claim(memory)
        peer.ask(store(DOORBELL, 1))
        self.until(lambda: served(memory))
        for fd in kept:
            os.set_blocking(fd, False)
            count = os.eventfd_read(fd)  # type: ignore[attr-defined]
            self.assertEqual(count, 5)  # nobody took them
            os.close(fd)
        fresh = peer.doorbells()
        self.assertEqual(len(fresh), 8)
        for fd in fresh:
            os.close(fd)
        peer.close()
        self.end(process)

    def test_its_doorbell_page_is_not_the_next_clients(self) -> None:
        process = self.serve(where=",page=1")
        peer = self.peer()
        kept = peer.page()
        peer.close()
        peer = self.peer()
        page, memory = peer.page(), peer.give_memory()
        self.assertEqual(peer.turn_on(), READY)
        asleep = 2048
        kept[asleep:asleep + 4] = bytes(4)
        self.until(lambda: page[asleep] == 1)
        claim(memory)
        page[0] = 1
        peer.ask(store(DOORBELL, 1))
        self.until(lambda: served(memory))
        peer.close()
        self.end(process)


if __name__ == "__main__":
    unittest.main()
