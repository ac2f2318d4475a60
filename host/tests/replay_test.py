# SPDX-License-Identifier: BSD-3-Clause
"""`bellwire device --record` and `bellwire replay`: what is the same, what differs, and what is said
of files that are cut, damaged or something else."""

import os
import re
import select
import signal
import struct
import subprocess
import unittest
from pathlib import Path

from program import PROGRAM
from programs_test import FAILED, PATIENCE, USAGE, ProgramCase
from vfio_user_peer import ADDRESS, REGION_READ, RESET, SET_IRQS, Peer, message, store


class Recorded(ProgramCase):
    def setUp(self) -> None:
        super().setUp()
        self.file = self.folder / "device.rec"

    def record(self, *words: str, device: str = "echo", rings: int = 300, depth: int = 1,
               status: int = 0) -> subprocess.CompletedProcess[str]:
        run = self.run_program("device", device, "--on", f"in-process:rings={rings},depth={depth}",
                               "--record", self.file, *words)
        self.assertEqual(run.returncode, status, run.stderr)
        return run

    def replay(self, *words: str | Path, program: Path = PROGRAM
               ) -> subprocess.CompletedProcess[str]:
        return self.run_program("replay", self.file, *words, program=program)

    def assert_same(self, run: subprocess.CompletedProcess[str], device: str, requests: int) -> None:
        self.assertEqual((run.returncode, run.stderr), (0, ""), run.stdout)
        self.assertRegex(run.stdout, rf"\A{device}: {requests:,} requests, {requests:,} completions "
                                     r"with [\d,]+ bytes of output compared in [\d.]+ s: the same\n\Z")


class Replays(Recorded):
    def test_the_same_device_does_the_same(self) -> None:
        for device in ("echo", "digest", "delay"):
            for depth in (1, 16):
                with self.subTest(f"{device}, depth {depth}"):
                    self.record(device=device, depth=depth)
                    self.assert_same(self.replay(), device, 300)

    def test_ten_thousand_requests_and_their_bytes(self) -> None:
        self.record(rings=10_000, depth=64)
        run = self.replay()
        self.assert_same(run, "echo", 10_000)
        self.assertIn("with 640,000 bytes", run.stdout)

    def test_a_device_that_does_the_same_by_another_name_is_the_same(self) -> None:
        self.record(device="echo")
        self.assert_same(self.replay("--device", "delay"), "delay", 300)

    def test_the_first_byte_that_differs_is_shown(self) -> None:
        self.record("--fault", "corrupt completion 50", status=FAILED)
        run = self.replay()
        self.assertEqual((run.returncode, run.stderr),
                         (FAILED, "bellwire: the device does not do what was recorded\n"))
        first, recorded, replayed, last = run.stdout.splitlines()
        self.assertRegex(first, r"\Arequest 50 \(queue 0, index 49, cookie 0x[0-9a-f]+\): "
                                r"byte \d+ of its output differs\Z")
        pattern = r"\A  {}  .*\[([0-9a-f]{{2}})\]"
        (one,) = re.findall(pattern.format("recorded"), recorded)
        (other,) = re.findall(pattern.format("replayed"), replayed)
        self.assertEqual(int(one, 16) ^ int(other, 16), 1)
        self.assertRegex(last, r"\Aecho: 50 requests, .*: different\Z")

    def test_another_device_differs_at_once(self) -> None:
        self.record(device="digest")
        run = self.replay("--device", "echo")
        self.assertEqual(run.returncode, FAILED)
        self.assertRegex(run.stdout, r"\Arequest 1 \(.*\): its result differs\n  recorded  \d+ \(0x")

    def test_step_by_step_each_entry_is_shown_before_it_is_replayed(self) -> None:
        self.record(rings=2)
        run = self.replay("--step")
        self.assertEqual(run.returncode, 0, run.stderr)
        steps = [line.split("  ")[-1] for line in run.stdout.splitlines()[:-1]]
        self.assertEqual(steps[0], "attached")
        self.assertEqual(steps[-2:], ["detached", "end"])
        requests = [step for step in steps if ": request " in step]
        self.assertEqual(len(requests), 2)
        self.assertRegex(requests[0], r"\Aqueue 0: request 0, cookie 0x\w+, operation 0, 64 bytes in, "
                                      r"64 out: (\w\w ){16}…\Z")

    def test_another_program_has_its_own_devices(self) -> None:
        self.record(depth=8)
        self.assert_same(self.replay("--program", PROGRAM), "echo", 300)
        self.assert_same(self.replay("--program", PROGRAM, "--device", "delay"), "delay", 300)


class Files(Recorded):
    def test_what_is_whole_of_a_cut_file_is_replayed(self) -> None:
        self.record()
        whole = self.file.read_bytes()
        self.file.write_bytes(whole[:len(whole) // 2])
        run = self.replay()
        self.assertEqual(run.returncode, FAILED)
        self.assertRegex(run.stdout, r"\Aecho: 1\d\d requests, .*: the same, as far as the recording "
                                     r"goes\n\Z")
        self.assertRegex(run.stderr, rf"\Abellwire: '{self.file}' is cut at entry [\d,]+ \(byte "
                                     r"[\d,]+\): it was not written to its end, or not copied whole\n\Z")

    def test_a_device_that_is_killed_leaves_what_it_did(self) -> None:
        self.record("--fault", "crash completion 100", status=-signal.SIGKILL)
        run = self.replay()
        self.assertEqual(run.returncode, FAILED)
        self.assertRegex(run.stdout, r"\Aecho: 100 requests, 99 completions")
        self.assertIn("is cut at entry", run.stderr)

    def test_a_damaged_byte_is_found(self) -> None:
        self.record()
        damaged = bytearray(self.file.read_bytes())
        damaged[len(damaged) // 2] ^= 1
        self.file.write_bytes(damaged)
        run = self.replay()
        self.assertEqual(run.returncode, FAILED)
        self.assertIn("the checksum of the entry is wrong", run.stderr)

    def test_what_is_no_recording_is_refused(self) -> None:
        for content in (b"", b"a letter to somebody\n", bytes(4096)):
            self.file.write_bytes(content)
            self.assert_refused(FAILED, [str(self.file), "is not a recording"], self.replay())
        self.file.unlink()
        self.assert_refused(FAILED, [str(self.file), "No such file"], self.replay())

    def test_a_file_that_is_something_else_is_not_overwritten(self) -> None:
        self.file.write_text("a letter to somebody\n")
        run = self.record(status=FAILED)
        self.assertIn("it exists, and is something else", run.stderr)
        self.assertEqual(self.file.read_text(), "a letter to somebody\n")

    def test_the_limit_ends_the_recording_alone(self) -> None:
        run = self.record("--record-limit", "1M", rings=20_000, depth=16)
        self.assertIn("at its limit of 1,048,576 bytes", run.stderr)
        self.assertLessEqual(self.file.stat().st_size, 1 << 20)
        again = self.replay()
        self.assertEqual(again.returncode, 0, again.stderr)
        self.assertIn(": the same\n", again.stdout)

    def test_what_is_not_recorded_is_refused(self) -> None:
        run = self.run_program("device", "net", "--on", f"vhost-user:{self.socket}", "--record", self.file)
        self.assert_refused(USAGE, ["--record", "net is not recorded", "comes from the others"], run)
        self.assertFalse(self.file.exists())

    def test_usage(self) -> None:
        self.record()
        self.assert_refused(USAGE, ["--break 5", "gdb --args"], self.replay("--break", "5"))
        self.assert_refused(USAGE, ["nosuch"], self.replay("--device", "nosuch"))
        self.assert_refused(FAILED, ["cannot run 'nosuch'"], self.replay("--program", "nosuch"))
        self.assert_refused(USAGE, ["--record-limit"], self.run_program(
            "device", "echo", "--on", "in-process", "--record", self.file, "--record-limit", "1"))
        self.assert_refused(USAGE, ["--trace and --record", str(self.file)], self.run_program(
            "device", "echo", "--on", "in-process", "--record", self.file, "--trace",
            self.file.parent / "." / self.file.name))


# vdev/devices/edu_registers.hpp
LIVENESS, FACTORIAL, SOURCE, DESTINATION, COUNT, COMMAND = 0x04, 0x08, 0x80, 0x88, 0x90, 0x98
BUFFER = 0x40000
RUN, TO_MEMORY, INTERRUPTS = 1, 2, 4
CONFIG, MSI = 7, 1  # a region; an index of interrupts
DATA_EVENTFD, ACTION_TRIGGER = 4, 32
ANSWER = 13  # vdev/replay/journal.hpp
FILE_HEADER, ENTRY_HEADER = 16, struct.Struct("<IIQIHBB")


class Functions(Recorded):
    """A whole PCI device."""

    def serve(self) -> tuple["subprocess.Popen[str]", Peer]:
        device = self.start("device", "edu", "--on", f"vfio-user:{self.socket}", "--record", self.file)
        self.until(self.socket.exists)
        peer = Peer(self.socket, PATIENCE)
        self.addCleanup(peer.close)
        return device, peer

    def drive(self, peer: Peer) -> None:
        """16 accesses, 4 of them reads; two transfers of 64 bytes, with an interrupt each."""
        peer.ask(message(REGION_READ, struct.pack("<QII", 0, CONFIG, 256)))
        peer.ask(store(FACTORIAL, 5))
        self.assertEqual(peer.load(FACTORIAL), 120)
        memory = peer.give_memory()  # writes three registers
        memory[:64] = bytes(range(64))
        event: int = os.eventfd(0)  # type: ignore[attr-defined]
        self.addCleanup(os.close, event)
        peer.ask(message(SET_IRQS, struct.pack("<IIIII", 20, DATA_EVENTFD | ACTION_TRIGGER, MSI, 0, 1)),
                 [event])
        for source, destination, command in ((ADDRESS, BUFFER, RUN | INTERRUPTS),
                                             (BUFFER, ADDRESS + 64, RUN | TO_MEMORY | INTERRUPTS)):
            for offset, value in ((SOURCE, source), (DESTINATION, destination), (COUNT, 64),
                                  (COMMAND, command)):
                peer.ask(store(offset, value))
            self.assertEqual(select.select([event], [], [], PATIENCE)[0], [event])
            os.read(event, 8)
        self.assertEqual(memory[64:128], bytes(range(64)))
        peer.ask(message(RESET))
        self.assertEqual(peer.load(LIVENESS), 0)

    def record_edu(self) -> None:
        device, peer = self.serve()
        self.drive(peer)
        peer.close()
        device.terminate()
        self.assertEqual(device.wait(PATIENCE), 0)

    def test_edu_does_the_same(self) -> None:
        self.record_edu()
        run = self.replay()
        self.assertEqual((run.returncode, run.stderr), (0, ""), run.stdout)
        self.assertRegex(run.stdout, r"\Aedu: 15 accesses; 7 answers, transfers and interrupts with "
                                     r"328 bytes compared in [\d.]+ s: the same\n\Z")

    def test_the_first_access_that_differs_is_shown(self) -> None:
        self.record_edu()
        self.change_answer(2)
        run = self.replay()
        self.assertEqual((run.returncode, run.stderr),
                         (FAILED, "bellwire: the device does not do what was recorded\n"))
        self.assertEqual(run.stdout.splitlines()[:3],
                         ["access 3 (BAR 0, offset 0x08, read of 4 bytes): byte 0 of its answer differs",
                          "  recorded  [79] 00 00 00", "  replayed  [78] 00 00 00"])

    def change_answer(self, number: int) -> None:
        """One bit of an answer's first byte, with its checksum."""
        file = bytearray(self.file.read_bytes())
        place = FILE_HEADER
        while number:
            _, size, _, _, kind, _, _ = ENTRY_HEADER.unpack_from(file, place)
            number -= kind == ANSWER
            entry, place = place, place + ENTRY_HEADER.size + (size + 7) // 8 * 8
        file[entry + ENTRY_HEADER.size] ^= 1
        struct.pack_into("<I", file, entry, crc32c(file[entry + 4:place]))
        self.file.write_bytes(file)

    def test_a_killed_device_leaves_what_it_did(self) -> None:
        device, peer = self.serve()
        self.drive(peer)
        device.kill()
        device.wait(PATIENCE)
        run = self.replay()
        self.assertEqual(run.returncode, FAILED)
        self.assertRegex(run.stdout, r"\Aedu: 15 accesses; .*: the same, as far as the recording goes\n\Z")
        self.assertIn("is cut at entry", run.stderr)

    def test_step_by_step(self) -> None:
        self.record_edu()
        run = self.replay("--step")
        self.assertEqual(run.returncode, 0, run.stderr)
        steps = [line.split(" ms  ")[-1] for line in run.stdout.splitlines()[:-1]]
        self.assertEqual((steps[0], steps[-2:]), ("a client", ["the client is gone", "end"]))
        for step in ("BAR 0, offset 0x08, write of 4 bytes: 05 00 00 00",
                     "BAR 0, offset 0x08, read of 4 bytes", "answer: 78 00 00 00",
                     "interrupt 0, 1 in one", "MSI vector 0: connected", "reset",
                     f"memory from {ADDRESS:#x} to {ADDRESS + (1 << 20) - 1:#x} comes"):
            self.assertIn(step, steps)

    def test_with_a_trace_and_faults_beside_it(self) -> None:
        trace = self.folder / "trace.json"
        device = self.start("device", "edu", "--on", f"vfio-user:{self.socket}", "--record", self.file,
                            "--trace", trace, "--fault", "double interrupt 1")
        self.until(self.socket.exists)
        peer = Peer(self.socket, PATIENCE)
        self.addCleanup(peer.close)
        self.drive(peer)
        peer.close()
        device.terminate()
        self.assertEqual(device.wait(PATIENCE), 0)
        self.assertTrue(trace.exists())
        self.assertEqual(self.replay().returncode, 0)

    def test_a_recording_of_another_kind_is_refused(self) -> None:
        self.record_edu()
        self.assert_refused(USAGE, ["echo", "it is a ring device", "of a function device"],
                            self.replay("--device", "echo"))
        self.file.unlink()
        self.record()
        self.assert_refused(USAGE, ["edu", "it is a whole PCI device", "of a ring device"],
                            self.replay("--device", "edu"))


class Disks(Recorded):
    """A virtio device, whose driver is `bellwire conform`."""

    def record_disk(self, *options: str | Path) -> None:
        device = self.start("device", "blk", "--on", f"vhost-user:{self.socket}", "--record", self.file,
                            *options)
        self.until(self.socket.exists)
        run = self.run_program("conform", "vhost-user", self.socket, "--only", "1-40")
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        device.terminate()
        self.assertEqual(device.wait(PATIENCE), 0)

    def assert_same_chains(self, run: subprocess.CompletedProcess[str]) -> None:
        self.assertEqual((run.returncode, run.stderr), (0, ""), run.stdout)
        (chains,) = re.findall(r"\Ablk: ([\d,]+) chains; [\d,]+ returns and config reads with [\d,]+ "
                               r"bytes compared.* in [\d.]+ s: the same\n\Z", run.stdout)
        self.assertGreater(int(chains.replace(",", "")), 50)

    def test_a_disk_of_memory_does_the_same(self) -> None:
        self.record_disk("--size", "8M", "--serial", "abc")
        self.assert_same_chains(self.replay())

    def test_a_disk_in_a_file_is_replayed_on_a_copy_of_it(self) -> None:
        disk, copy = self.folder / "disk", self.folder / "copy"
        disk.write_bytes(bytes(range(256)) * 4096)
        copy.write_bytes(disk.read_bytes())
        self.record_disk("--file", disk)
        self.assert_refused(USAGE, [str(self.file), str(disk), "--file COPY"], self.replay())
        self.assert_same_chains(self.replay("--file", copy))
        self.assertEqual(disk.read_bytes(), copy.read_bytes())
        copy.write_bytes(bytes(range(255, -1, -1)) * 4096)
        run = self.replay("--file", copy)
        self.assertEqual(run.returncode, FAILED)
        self.assertRegex(run.stdout, r"\Achain \d+ \(queue 0\): byte \d+ of its output differs\n")

    def test_a_completion_that_was_corrupted_is_what_differs(self) -> None:
        self.record_disk("--size", "8M", "--fault", "corrupt completion 20")
        run = self.replay()
        self.assertEqual(run.returncode, FAILED)
        self.assertRegex(run.stdout, r"\Achain 20 \(queue 0\): byte \d+ of its output differs\n")

    def test_what_is_no_disk_takes_no_file(self) -> None:
        self.record()
        self.assert_refused(USAGE, ["--file", "of no virtio device"], self.replay("--file", self.file))


def crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


if __name__ == "__main__":
    unittest.main()
