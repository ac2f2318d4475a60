# SPDX-License-Identifier: BSD-3-Clause
"""What the programs write: no loss without a message, and no file goes that they did not create."""

import contextlib
import errno
import json
import os
import resource
import signal
import socket
import stat
import subprocess
import threading
import unittest
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from program import BENCH, PROGRAM, pause, pipe
from programs_test import FAILED, PATIENCE, ProgramCase, served
from trace_test import made_up

MICRO = BENCH.parent / "bellwire-micro"
FULL = Path("/dev/full")
OLDER = "a trace of yesterday\n"


class OutputCase(ProgramCase):
    def setUp(self) -> None:
        super().setUp()
        self.trace = self.folder / "trace.json"
        self.trace.write_text(json.dumps(made_up(5)))

    def talkers(self) -> list[list[str | Path]]:
        """Each way to make it print, and end."""
        trace = self.trace
        words: tuple[list[str | Path], ...] = (
            ["--version"], ["--help"], ["device", "--help"], ["trace", "record", "--help"],
            ["rules"], ["rules", "--json"], ["trace", "show", trace],
            ["trace", "show", trace, "--json"], ["trace", "diff", trace, trace],
            ["trace", "diff", trace, trace, "--json"],
            ["trace", "export", trace, "--perfetto", "/dev/stdout"],
            ["trace", "export", trace, "--html", "/dev/stdout"],
            ["device", "echo", "--on", "in-process:rings=20"],
            ["device", "echo", "--on", "in-process:rings=20", "--trace", "/dev/stdout"])
        return [*([PROGRAM, *each] for each in words),
                [BENCH, "--help"], [BENCH, "bus", "--rounds", "1", "--skip", "30000"]]

    def micro(self) -> list[list[str | Path]]:
        if not MICRO.exists():
            self.fail(f"{MICRO} is not built: scripts/build bellwire-micro")
        more: tuple[list[str], ...] = ([], ["--benchmark_format=json"], ["--benchmark_list_tests"])
        return [[MICRO, "--benchmark_filter=digest", "--benchmark_min_time=0.001", *each]
                for each in more]

    def busy_device(self) -> subprocess.Popen[str]:
        """One that can be recorded, and looked at."""
        process = self.start("device", "echo", "--on", "in-process:rings=10000000", "--control",
                             self.socket)
        self.until(lambda: served(self.socket))
        return process

    def names(self) -> set[str]:
        return {path.name for path in self.folder.iterdir()}


class StandardOutput(OutputCase):
    def run_with(self, argv: Sequence[str | Path], **options: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(argv, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                              timeout=PATIENCE, **options)

    def assert_lost(self, run: subprocess.CompletedProcess[str], number: int) -> None:
        self.assertEqual(run.returncode, FAILED, run.stderr)
        errors = [line for line in run.stderr.splitlines() if "cannot write" in line]
        self.assertEqual(len(errors), 1, run.stderr)
        self.assertRegex(errors[0], "^bellwire")
        self.assertIn(os.strerror(number), errors[0])

    def test_full(self) -> None:
        for argv in self.talkers() + self.micro():
            with self.subTest(" ".join(map(str, argv[1:]))), FULL.open("w") as full:
                self.assert_lost(self.run_with(argv, stdout=full), errno.ENOSPC)

    def test_closed(self) -> None:
        for argv in self.talkers() + self.micro():
            with self.subTest(" ".join(map(str, argv[1:]))):
                run = self.run_with(argv, preexec_fn=lambda: os.close(1))
                self.assert_lost(run, errno.EBADF)

    def test_nobody_reads(self) -> None:
        """As cat does it: by SIGPIPE, without a word; where that is ignored, with one."""
        for argv in self.talkers():
            for ignored in (False, True):
                with self.subTest(" ".join(map(str, argv[1:])), ignored=ignored):
                    there, here = os.pipe()
                    os.close(there)
                    run = self.run_with(argv, stdout=here, restore_signals=not ignored)
                    os.close(here)
                    if ignored or "/dev/stdout" in argv:
                        self.assertIn(run.returncode, (FAILED, -signal.SIGPIPE))
                        self.assertIn(os.strerror(errno.EPIPE), run.stderr)
                    else:
                        self.assertEqual(run.returncode, -signal.SIGPIPE)
                        self.assertNotIn("cannot write", run.stderr)

    def test_what_prints_on_and_on_ends(self) -> None:
        self.busy_device()
        argv: list[str | Path] = [PROGRAM, "top", self.socket, "--interval", "0.01"]
        with FULL.open("w") as full:
            self.assert_lost(self.run_with(argv, stdout=full), errno.ENOSPC)
        there, here = os.pipe()
        os.close(there)
        self.assertEqual(self.run_with(argv, stdout=here).returncode, -signal.SIGPIPE)
        os.close(here)

    def test_what_prints_nothing_needs_no_output(self) -> None:
        out = self.folder / "perfetto.json"
        run = self.run_with([PROGRAM, "trace", "export", self.trace, "--perfetto", out],
                            preexec_fn=lambda: os.close(1))
        self.assertEqual((run.returncode, run.stderr), (0, ""))
        json.loads(out.read_text())

    def test_no_file_takes_the_place_of_a_closed_descriptor(self) -> None:
        def close_all() -> None:
            for number in range(3):
                os.close(number)

        run = subprocess.run([PROGRAM, "device", "echo", "--on", "in-process:rings=20", "--trace",
                              self.folder / "out"], preexec_fn=close_all, timeout=PATIENCE)
        self.assertEqual(run.returncode, FAILED)
        self.assertEqual(json.loads((self.folder / "out").read_text())["device"], "echo")


class Files(OutputCase):
    def liar(self, says: bytes, stays: bool = False) -> None:
        """Serves as a device's control socket, says that and hangs up, again and again. Or stays,
        and says nothing more."""
        server = socket.socket(socket.AF_UNIX)
        self.addCleanup(server.close)
        server.bind(str(self.socket))
        server.listen()

        def serve() -> None:
            while True:
                try:
                    peer, _ = server.accept()
                except OSError:
                    return
                with peer, contextlib.suppress(OSError):  # it has heard enough
                    peer.recv(4096)
                    peer.sendall(says)
                    while stays and peer.recv(4096):
                        pass

        threading.Thread(target=serve, daemon=True).start()

    def record(self, out: str | Path) -> subprocess.CompletedProcess[str]:
        return self.run_program("trace", "record", self.socket, "--out", out)

    def test_a_recording_that_fails_leaves_what_was_there(self) -> None:
        self.liar(b'{"began":true}\n{"trace":1000}\nhalf of it')
        older, link, target = (self.folder / name for name in ("older", "link", "target"))
        older.write_text(OLDER)
        target.write_text(OLDER)
        link.symlink_to("target")
        before = self.names()
        outs: tuple[str | Path, ...] = (older, link, "/dev/null", self.folder / "none")
        for out in outs:
            with self.subTest(out):
                run = self.record(out)
                self.assertEqual(run.returncode, FAILED)
                self.assertIn("record again", run.stderr)
        self.assertEqual(self.names(), before)
        self.assertEqual((older.read_text(), target.read_text()), (OLDER, OLDER))
        self.assertTrue(link.is_symlink())
        self.assertTrue(stat.S_ISCHR(os.stat("/dev/null").st_mode))

    def test_a_recording_to_a_full_disk(self) -> None:
        self.liar(b'{"began":true}\n{"trace":300000}\n' + b"x" * 300_000)
        out = self.folder / "out"
        out.write_text(OLDER)

        def small_files() -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

        run = self.run_program("trace", "record", self.socket, "--out", out,
                               preexec_fn=small_files)
        self.assertEqual(run.returncode, FAILED)
        self.assertIn(f"cannot write '{out}'", run.stderr)
        self.assertEqual(out.read_text(), OLDER)
        run = self.record(FULL)
        self.assertEqual(run.returncode, FAILED)
        self.assertIn("cannot write '/dev/full'", run.stderr)
        self.assertTrue(FULL.exists())

    def test_a_whole_recording_takes_the_older_ones_place(self) -> None:
        self.liar(b'{"began":true}\n{"trace":5}\nwhole')
        out, link = self.folder / "out", self.folder / "link"
        out.write_text(OLDER)
        out.chmod(0o640)
        link.symlink_to("out")
        before = self.names()
        self.assertEqual(self.record(link).returncode, 0)
        self.assertEqual(out.read_text(), "whole")
        self.assertEqual(stat.S_IMODE(out.stat().st_mode), 0o640)
        self.assertTrue(link.is_symlink())
        self.assertEqual(self.names(), before)
        run = self.record("/dev/stdout")
        self.assertEqual((run.returncode, run.stdout), (0, "whole"))

    def test_a_signal_leaves_what_was_there_until_the_trace_is_whole(self) -> None:
        self.busy_device()
        out = self.folder / "out"
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            with self.subTest(number.name):
                out.write_text(OLDER)
                recorder = subprocess.Popen(
                    [PROGRAM, "trace", "record", self.socket, "--out", out],
                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
                self.addCleanup(pipe(recorder.stdout).close)
                self.assertIn("recording", pipe(recorder.stdout).readline())
                self.assertEqual(out.read_text(), OLDER)
                recorder.send_signal(number)
                recorder.wait(PATIENCE)
                if number == signal.SIGKILL:
                    self.assertEqual(out.read_text(), OLDER)
                else:
                    self.assertEqual(recorder.returncode, 0)
                    self.assertEqual(json.loads(out.read_text())["version"], 1)
                    self.assertEqual({name for name in self.names() if name.startswith(".")},
                                     set())

    def recorder(self, out: Path) -> subprocess.Popen[str]:
        """One whose file beside `out` is there already."""
        recorder = self.start("trace", "record", self.socket, "--out", out)
        self.until(lambda: self.unfinished() or recorder.poll() is not None)
        return recorder

    def unfinished(self) -> set[str]:
        return {name for name in self.names() if name.startswith(".")}

    def assert_nothing_came(self, recorder: subprocess.Popen[str], out: Path, reason: str) -> None:
        self.assertEqual(recorder.wait(PATIENCE), FAILED)
        self.assertIn(reason, pipe(recorder.stderr).read())
        self.assertEqual((self.unfinished(), out.exists()), (set(), False))

    def test_a_device_that_answers_nothing_is_not_waited_for(self) -> None:
        out = self.folder / "out"
        for says in (b"", b'{"began":'):
            with self.subTest(says):
                self.socket.unlink(missing_ok=True)
                self.liar(says, stays=True)
                self.assert_nothing_came(self.recorder(out), out, "is the device stopped?")

    def test_a_signal_ends_a_recorder_that_has_no_answer(self) -> None:
        out = self.folder / "out"
        self.liar(b"", stays=True)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with self.subTest(number.name):
                recorder = self.recorder(out)
                recorder.send_signal(number)
                self.assert_nothing_came(recorder, out, str(self.socket))

    def test_a_second_signal_gives_the_trace_up(self) -> None:
        out = self.folder / "out"
        self.liar(b'{"began":true}\n{"over":true}\n', stays=True)
        recorder = self.recorder(out)
        for number in (signal.SIGTERM, signal.SIGINT):  # two of the same could become one
            recorder.send_signal(number)
        self.assert_nothing_came(recorder, out, "ended by a signal")

    def test_a_device_that_is_stopped_while_it_is_recorded(self) -> None:
        device = self.busy_device()
        for arguments in ((), ("--seconds", "0.5")):
            with self.subTest(arguments):
                out = self.folder / "out"
                recorder = subprocess.Popen(
                    [PROGRAM, "trace", "record", self.socket, "--out", out, *arguments],
                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                    text=True)
                self.addCleanup(pipe(recorder.stdout).close)
                self.addCleanup(pipe(recorder.stderr).close)
                self.assertIn("recording", pipe(recorder.stdout).readline())
                pause(device)
                if not arguments:
                    recorder.terminate()
                try:
                    self.assert_nothing_came(recorder, out, "is the device stopped?")
                finally:
                    device.send_signal(signal.SIGCONT)

    def test_an_export_that_is_interrupted(self) -> None:
        fifo = self.folder / "fifo"
        os.mkfifo(fifo)
        page = self.folder / "page.html"
        page.write_text(OLDER)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with self.subTest(number.name):
                # It waits for the FIFO's reader while the other file is unfinished.
                export = self.start("trace", "export", self.trace, "--perfetto", page, "--html",
                                    fifo)
                self.until(lambda: any(name.startswith(".") for name in self.names()))
                export.send_signal(number)
                self.assertEqual(export.wait(PATIENCE), -number)
                self.assertEqual(self.names(), {"trace.json", "fifo", "page.html"})
                self.assertEqual(page.read_text(), OLDER)

    def test_all_or_none_is_exported(self) -> None:
        perfetto = self.folder / "perfetto.json"
        perfetto.write_text(OLDER)
        run = self.run_program("trace", "export", self.trace, "--perfetto", perfetto, "--html",
                               "/dev/full")
        self.assert_refused(FAILED, ["/dev/full"], run)
        self.assertEqual(perfetto.read_text(), OLDER)
        self.assertEqual(self.names(), {"trace.json", "perfetto.json"})

    def test_a_device_that_does_not_start_leaves_the_older_trace(self) -> None:
        self.trace.write_text(OLDER)
        run = self.run_program("device", "echo", "--on", f"ivshmem:{self.socket}", "--trace",
                               self.trace)
        self.assertEqual(run.returncode, FAILED)
        self.assertEqual(self.trace.read_text(), OLDER)
        self.assertEqual(self.names(), {"trace.json"})

    def test_a_bench_that_fails_leaves_the_older_figures(self) -> None:
        self.trace.write_text(OLDER)
        run = self.run_program("bus", "--skip", "doorbell", "--json", self.trace, program=BENCH)
        self.assertNotEqual(run.returncode, 0)
        self.assertEqual(self.trace.read_text(), OLDER)
        self.assertEqual(self.names(), {"trace.json"})

    @unittest.skipIf(os.geteuid() == 0, "root may write everywhere")
    def test_what_may_not_be_written(self) -> None:
        self.trace.chmod(0o400)
        for folder_mode in (0o700, 0o500):
            self.folder.chmod(folder_mode)
            run = self.run_program("trace", "export", self.trace, "--html", self.trace)
            self.folder.chmod(0o700)
            self.assert_refused(FAILED, [str(self.trace), os.strerror(errno.EACCES)], run)

    def test_facts_that_no_trace_can_hold(self) -> None:
        for fact in ("qemu=", "qemu=\x1b[2J", "qemu=" + "x" * 257, os.fsdecode(b"qemu=\xff")):
            with self.subTest(fact):
                run = self.run_program("trace", "record", "x", "--out", self.trace, "--fact", fact)
                self.assert_refused(2, ["'qemu'", "UTF-8"], run)


if __name__ == "__main__":
    unittest.main()
