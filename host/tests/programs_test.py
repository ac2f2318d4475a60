# SPDX-License-Identifier: BSD-3-Clause
"""The programs as their users meet them: what they say to bad input, and how they end."""

from typing import Any
import json
import os
import resource
import signal
import socket
import subprocess
import tempfile
import time
import unittest
from collections.abc import Callable, Sequence
from pathlib import Path

from program import BENCH, PROGRAM, SLOWER, Checked, pipe

FAILED, USAGE = 1, 2
PATIENCE = 20 * SLOWER  # seconds


class ProgramCase(Checked):
    def setUp(self) -> None:
        super().setUp()
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="bell")))
        self.socket = self.folder / "socket"

    def run_program(self, *arguments: str | Path, program: Path = PROGRAM,
                    timeout: float = PATIENCE, **options: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run([program, *arguments], capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=timeout, **options)

    def start(self, *arguments: str | Path) -> subprocess.Popen[str]:
        process = subprocess.Popen([PROGRAM, *arguments], stdin=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, text=True)
        self.addCleanup(pipe(process.stderr).close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def switchboard(self, *arguments: str) -> subprocess.Popen[str]:
        """One that serves already."""
        process = self.start("switchboard", "--socket", self.socket, *arguments)
        self.until(lambda: served(self.socket))
        return process

    def device(self, where: str = "") -> subprocess.Popen[str]:
        """One that has said, in its log, that it runs."""
        process = self.start("--log-level", "info", "device", "echo", "--on",
                             f"ivshmem:{self.socket}{where}")
        self.assertIn("echo runs on", pipe(process.stderr).readline())
        return process

    def until(self, happened: Callable[[], object]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not happened():
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)

    def assert_refused(self, status: int, words: Sequence[str],
                       run: subprocess.CompletedProcess[str]) -> None:
        """One line that names everything in `words`."""
        self.assertEqual((run.returncode, run.stdout), (status, ""), run.stderr)
        self.assertRegex(run.stderr, r"\Abellwire: [^\n]+\n\Z")
        for word in words:
            self.assertIn(word, run.stderr)


def served(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


class BadInput(ProgramCase):
    def test_what_is_unknown_is_named_with_what_there_is(self) -> None:
        for words, expected in (
                (["toaster"], "unknown subcommand 'toaster'; there are: switchboard, device, "),
                (["trace", "shw"], "unknown subcommand 'shw'; there are: record, show, "),
                (["device", "echo", "--onn=x"], "unknown argument '--onn=x'")):
            run = subprocess.run([PROGRAM, *words], text=True, capture_output=True)
            self.assertEqual(run.returncode, 2)
            self.assertIn(expected, run.stderr)

    def test_usage(self) -> None:
        switchboard = ("switchboard", "--socket", self.socket)
        rows: tuple[tuple[Sequence[str | Path], list[str]], ...] = (
            ([], ["subcommand"]),
            (["toaster"], ["toaster"]),
            (["switchboard"], ["--socket"]),
            ([*switchboard, "--colour"], ["--colour"]),
            ([*switchboard, "--memory", "100K"], ["memory 102400", "power of two"]),
            ([*switchboard, "--memory", "4K"], ["memory 4096", "64K to 1G"]),
            ([*switchboard, "--memory", "much"], ["--memory", "much"]),
            ([*switchboard, "--entries", "300"], ["300 entries", "power of two"]),
            ([*switchboard, "--payload", "1G"], ["memory", "64K to 1G"]),
            ([*switchboard, "--vectors", "33"], ["vectors 33", "1 to 32"]),
            ([*switchboard, "--vectors", "-1"], ["--vectors", "-1"]),
            ([*switchboard, "--slots", "0"], ["slots 0", "1 to 1024"]),
            (["--log-level", "loud", *switchboard], ["--log-level", "loud", "debug"]),
            (["device", "toaster", "--on", "ivshmem:x"], ["toaster", "echo"]),
            (["device", "echo"], ["--on"]),
            (["device", "echo", "--on", "smoke:x"], ["smoke:x", "ivshmem:PATH"]),
            (["device", "echo", "--on", "ivshmem"], ["path", "empty"]),
            (["device", "echo", "--on", "ivshmem:x,slot=a"], ["slot=a", "number"]),
            (["device", "echo", "--on", "ivshmem:x,colour=red"], ["colour=red", "slot=N"]),
            (["device", "echo", "--on", "in-process:rings=0"], ["rings=0", "from 1"]),
            (["device", "echo", "--on", "in-process:depth="], ["depth=", "number"]),
            (["device", "echo", "--on", "kvm:colour=red"], ["colour=red", "rings=N"]),
            (["device", "echo", "--on", "vfio-user"], ["path", "vfio-user:PATH"]),
            (["device", "echo", "--on", "vfio-user:x,memory=4"], ["4096 bytes", "too little"]),
            (["device", "echo", "--on", "vfio-user:x,memory=64,vectors=32"],
             ["65536 bytes", "32 queues"]),
            (["device", "echo", "--on", "vfio-user:x,entries=300"], ["300 entries", "power of two"]),
            (["device", "echo", "--on", "vfio-user:x,payload=1024"], ["memory of", "up to 4 MiB"]),
            (["device", "edu", "--on", "kvm"], ["'kvm'", "vfio-user:PATH"]),
            (["device", "edu", "--on", "ivshmem:x"], ["ivshmem:x", "vfio-user:PATH"]),
            (["device", "edu", "--on", "vfio-user:x,page=1"], ["page=1"]),
            (["device", "echo", "--on", "kvm", "--fact", "qemu"], ["'qemu'", "NAME=TEXT"]),
            (["trace", "record", "x", "--out", "x", "--fact", "colour=red"],
             ["'colour'", "accelerator"]),
            (["rules", "--nested"], ["--nested", "scripts/bellwire"]))
        for arguments, words in rows:
            with self.subTest(" ".join(map(str, arguments)).replace(str(self.folder), "")):
                self.assert_refused(USAGE, words, self.run_program(*arguments))
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_a_path_too_long_for_a_socket(self) -> None:
        path = self.folder / ("x" * 120)
        words = [str(path), "107", "shorter"]
        self.assert_refused(FAILED, words, self.run_program("switchboard", "--socket", path))
        self.assert_refused(FAILED, words,
                            self.run_program("device", "echo", "--on", f"ivshmem:{path}"))

    def test_a_folder_that_is_not_there(self) -> None:
        path = self.folder / "no/socket"
        self.assert_refused(FAILED, [str(path)], self.run_program("switchboard", "--socket", path))

    def test_a_path_that_is_a_file(self) -> None:
        self.socket.write_text("precious")
        self.assert_refused(FAILED, [str(self.socket), "not a socket", "another path"],
                            self.run_program("switchboard", "--socket", self.socket))
        self.assertEqual(self.socket.read_text(), "precious")

    def test_a_socket_that_is_served(self) -> None:
        first = self.switchboard()
        self.assert_refused(FAILED, [str(self.socket), "already served", "another path"],
                            self.run_program("switchboard", "--socket", self.socket))
        self.assertIsNone(first.poll())
        self.assertTrue(served(self.socket))

    def test_too_few_descriptors(self) -> None:
        def few() -> None:
            resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128))

        run = self.run_program("switchboard", "--socket", self.socket, "--slots", "20",
                               preexec_fn=few)
        self.assert_refused(FAILED, ["descriptors", "128", "ulimit -n"], run)
        self.assertFalse(self.socket.exists())

    def test_a_device_without_a_switchboard(self) -> None:
        run = self.run_program("device", "echo", "--on", f"ivshmem:{self.socket}")
        self.assert_refused(FAILED, [str(self.socket), "is a switchboard running at"], run)

    def test_a_device_where_no_place_is(self) -> None:
        self.switchboard("--slots", "2")
        first = self.device(",slot=1")
        for slot in ("1", "7"):
            with self.subTest(slot):
                run = self.run_program("device", "echo", "--on",
                                       f"ivshmem:{self.socket},slot={slot}")
                self.assert_refused(FAILED, [str(self.socket), f"slot {slot}"], run)
        self.assertIsNone(first.poll())

    def test_a_server_that_says_nothing(self) -> None:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(self.socket))
            server.listen()
            device = self.start("device", "echo", "--on", f"ivshmem:{self.socket}")
            self.assertIn("is it paused? waiting up to 30 s", pipe(device.stderr).readline())
        self.assertIn("closed the connection", pipe(device.stderr).readline())
        self.assertEqual(device.wait(PATIENCE), FAILED)

    def test_a_server_that_stops_in_its_greeting(self) -> None:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(self.socket))
            server.listen()
            device = self.start("device", "echo", "--on", f"ivshmem:{self.socket}")
            peer, _ = server.accept()
            with peer:
                peer.sendall(bytes(8))
                _, errors = device.communicate(timeout=PATIENCE)
        self.assertEqual(device.returncode, FAILED)
        self.assertRegex(errors, rf"\Abellwire: '{self.socket}' .* an ID .* 5000 ms\n\Z")


def why_no_kvm() -> str:
    """Why the program can't use KVM here, or ""."""
    try:
        open("/dev/kvm", "r+b", buffering=0).close()
    except OSError as error:
        return str(error)
    return ""


class OwnGuests(ProgramCase):
    """Transports that bring their guest along: it rings, and judges the answers."""

    def check_devices(self, transport: str) -> None:
        for device in ("echo", "digest", "delay"):
            for depth in (1, 64):
                with self.subTest(f"{device} on {transport}, depth {depth}"):
                    run = self.run_program("device", device, "--on",
                                           f"{transport}:rings=2000,depth={depth}")
                    self.assertEqual((run.returncode, run.stderr), (0, ""))
                    self.assertIn(f"2000 requests at depth {depth}: 2000 answered, 0 lost, "
                                  "0 wrong, 0 unexpected", run.stdout)
                    self.assertIn("exits to user space: 0 for doorbells", run.stdout)

    def test_in_process(self) -> None:
        self.check_devices("in-process")

    @unittest.skipIf(why_no_kvm(), f"no KVM: {why_no_kvm()}")
    def test_kvm(self) -> None:
        self.check_devices("kvm")

    def test_a_signal_ends_them_in_good_order(self) -> None:
        for transport in ("in-process", *([] if why_no_kvm() else ["kvm"])):
            with self.subTest(transport):
                process = self.start("--log-level", "info", "device", "echo", "--on",
                                     f"{transport}:rings=1000000")
                self.assertIn("echo runs on", pipe(process.stderr).readline())
                process.terminate()
                self.assertEqual(process.wait(PATIENCE), 0)


class Rules(ProgramCase):
    def rows(self, run: subprocess.CompletedProcess[str]) -> dict[int, dict[str, Any]]:
        self.assertEqual(run.returncode, 0, run.stderr)
        return {row["rule"]: row for row in json.loads(run.stdout)["rules"]}

    def test_they_fit_on_a_page(self) -> None:
        shown = self.run_program("rules").stdout.splitlines()
        self.assertGreater(len(shown), 2 * 30)
        self.assertLessEqual(max(map(len, shown)), 100)

    def test_every_rule_has_its_row(self) -> None:
        rows = self.rows(self.run_program("rules", "--json"))
        self.assertEqual(list(rows), [*range(1, 7), *range(9, 12), *range(15, 41)])
        for number, row in rows.items():
            with self.subTest(f"rule {number}"):
                self.assertEqual(set(row), {"rule", "text", "model", "kernel", "agree"})
                tried = number in (*range(1, 7), 10, 11) or not why_no_kvm()
                self.assertEqual(row["agree"], True if tried else None, row)
                self.assertEqual(row["kernel"] is None, not tried)

    def test_a_rule_is_explained(self) -> None:
        run = self.run_program("rules", "6", "--explain")
        self.assertEqual((run.returncode, run.stderr), (0, ""))
        for line in (r"Rule 6: Poll takes nothing; agree", r"  tried +An eventfd is polled .*",
                     r" +step +model +Linux \S+", r" +again +IN OUT +IN OUT",
                     r"  why +Poll only asks .*", r"  source  eventfd\(2\), poll; .*"):
            self.assertRegex(run.stdout, f"(?m)^{line}$")

    def test_all_rules_are_explained_on_pages(self) -> None:
        shown = self.run_program("rules", "--explain").stdout.splitlines()
        self.assertEqual(sum(line.startswith("Rule ") for line in shown), 35)
        self.assertLessEqual(max(map(len, shown)), 100)

    def test_a_few_rules_are_tried(self) -> None:
        self.assertEqual(list(self.rows(self.run_program("rules", "2", "6", "--json"))), [2, 6])
        self.assert_refused(USAGE, ["'7'", "1 to 6, 9 to 11"], self.run_program("rules", "7"))

    def test_the_table_is_for_people(self) -> None:
        run = self.run_program("rules")
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertIn("  15  ", run.stdout)
        self.assertRegex(run.stdout, r"35 rules, \d+ tried on the kernel: \d+ agree, 0 don't")

    @unittest.skipIf(os.geteuid() != 0, "only root can become somebody who may not use KVM")
    @unittest.skipIf(not Path("/dev/kvm").exists(), "no /dev/kvm")
    @unittest.skipIf(Path("/dev/kvm").exists() and os.stat("/dev/kvm").st_mode & 0o006,
                     "everybody may use /dev/kvm")
    def test_without_permission(self) -> None:
        nobody: dict[str, Any] = {"user": 65534, "group": 65534, "extra_groups": []}
        run = self.run_program("rules", "--json", **nobody)
        rows = self.rows(run)
        self.assertIsNone(rows[15]["kernel"])
        self.assertTrue(rows[1]["agree"])
        for word in ("/dev/kvm", "usermod -aG kvm", "rules --nested"):
            self.assertIn(word, run.stderr)
        self.assert_refused(FAILED, ["/dev/kvm", "usermod -aG kvm"],
                            self.run_program("device", "echo", "--on", "kvm", **nobody))


class Bench(ProgramCase):
    """What bellwire-bench measures and reports; never how long anything took."""

    @unittest.skipIf(why_no_kvm(), f"no KVM: {why_no_kvm()}")
    def test_kvm(self) -> None:
        report = self.run_suite("kvm")
        self.assertEqual(len(report["rows"]), 9 + 4 + 1)
        self.assertEqual(len(report["ratios"]), len(report["rows"]) + 3)

    @unittest.skipIf(len(os.sched_getaffinity(0)) < 2, "needs two CPUs")
    def test_wire(self) -> None:
        report = self.run_suite("wire")
        alone, rings = report["rows"][:2], report["rows"][2:]
        self.assertEqual(len(rings), 7)
        self.assertEqual(len(report["ratios"]), len(report["rows"]) + 2 + len(rings) + 2)
        for row in alone + rings:
            with self.subTest(row["name"]):
                self.assertIn("switches", row)
                self.assertEqual(row["allocations"], 0)
        for row in rings:
            with self.subTest(row["name"]):
                self.assertLessEqual({"doorbells", "interrupts"}, set(row))

    @unittest.skipIf(len(os.sched_getaffinity(0)) < 2, "needs two CPUs")
    def test_scale(self) -> None:
        report = self.run_suite("scale")
        series = {row["series"] for row in report["rows"]}
        self.assertEqual(len(series), 4)
        for name in series:
            numbers = [row["at"] for row in report["rows"] if row["series"] == name]
            self.assertEqual(numbers, sorted(set(numbers)))
            self.assertGreater(len(numbers), 2)

    @unittest.skipIf(len(os.sched_getaffinity(0)) < 2, "needs two CPUs")
    def test_check(self) -> None:
        path = self.folder / "figures.json"
        run = self.run_program("wire", "--rounds", "1", "--check", "--json", path, program=BENCH,
                               timeout=5 * PATIENCE)
        missed = [ratio for ratio in json.loads(path.read_text())["ratios"] if ratio["ok"] is False]
        self.assertEqual(run.returncode, FAILED if missed else 0)
        for ratio in missed:
            self.assertIn(f"limit missed: {ratio['name']}: ", run.stderr)

    @unittest.skipIf(len(os.sched_getaffinity(0)) < 2, "needs two CPUs")
    def test_vhost(self) -> None:
        report = self.run_suite("vhost")
        self.assertEqual(report["baseline"], "qemu-storage-daemon")
        compared = [row for row in report["rows"] if row["bare"]]
        _, *here, _, _ = [row for row in report["rows"] if not row["bare"]]
        idle = report["rows"][-2:]
        self.assertEqual(len(report["rows"]), len(compared) + 1 + len(here) + len(idle))
        self.assertEqual((len(compared), len(here)), (32, 2))
        self.assertEqual(len(report["ratios"]), len(compared) + 1 + 8 + len(here) + len(idle))
        for row in compared:
            with self.subTest(row["name"]):
                self.assertIn("back-end CPU ns", row)
                self.assertIn("back-end CPU ns", row["bare"])
                self.assertEqual(row["allocations"], 0)
        self.assertEqual([row["allocations"] for row in here], [0, 0])
        for row in idle:
            self.assertIn("wake-ups", row)

    def test_bus(self) -> None:
        report = self.run_suite("bus", "--skip", "30000")
        self.assertEqual(len(report["rows"]), 3 * 3)
        self.assertEqual(len(report["ratios"]), len(report["rows"]) + 3 * 2)

    def run_suite(self, suite: str, *options: str) -> dict[str, Any]:
        path = self.folder / "figures.json"
        run = self.run_program(suite, "--rounds", "1", "--json", path, *options, program=BENCH,
                               timeout=5 * PATIENCE)
        self.assertEqual((run.returncode, run.stderr), (0, ""))
        report: dict[str, Any] = json.loads(path.read_text())
        self.assertEqual(set(report), {"suite", "machine", "rounds", "baseline", "columns", "rows",
                                       "ratios"})
        self.assertEqual((report["suite"], report["rounds"]), (suite, 1))
        self.assertEqual(set(report["machine"]),
                         {"accelerator", "cpu", "kernel", "guest_runs_on", "device_runs_on"})
        for row in report["rows"]:
            with self.subTest(row["name"]):
                self.assert_row(row)
                self.assertIn(row["name"], run.stdout)
        for ratio in report["ratios"]:
            self.assertEqual(set(ratio), {"name", "value", "spread", "limit", "ok"})
            self.assertEqual(ratio["ok"] is None, ratio["limit"] is None)
        return report

    def assert_row(self, row: dict[str, Any]) -> None:
        figures = {"p50_ns", "p99_ns", "times"}
        self.assertLessEqual({"name", "bare", *figures}, set(row))
        if row["bare"]:
            self.assertLessEqual(figures, set(row["bare"]))
            self.assertEqual(row["bare"]["times"], row["times"])
        for side in filter(None, (row, row["bare"])):
            self.assertEqual(side.get("exits", 0), 1 if ", exit, " in row["name"] else 0)

    def test_figures_that_cannot_be_written(self) -> None:
        self.assert_refused(FAILED, [f"cannot write '{self.folder}'"],
                            self.run_program("kvm", "--json", self.folder, program=BENCH))

    def test_usage(self) -> None:
        rows: tuple[tuple[list[str], list[str]], ...] = (
            ([], ["subcommand", "bellwire-bench --help"]), (["wires"], ["'wires'"]),
            (["bus", "--skip", "doorbell"], ["'doorbell'"]),
            (["kvm", "--rounds", "0"], ["--rounds"]))
        for arguments, words in rows:
            with self.subTest(" ".join(arguments)):
                self.assert_refused(USAGE, words, self.run_program(*arguments, program=BENCH))

    def test_the_program_itself_has_no_bench(self) -> None:
        self.assert_refused(USAGE, ["'bench'"], self.run_program("bench"))


class Ends(ProgramCase):
    def test_signals_end_it_in_good_order(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with self.subTest(number.name):
                switchboard = self.switchboard()
                device = self.device()
                device.send_signal(number)
                self.assertEqual(device.wait(PATIENCE), 0)
                switchboard.send_signal(number)
                self.assertEqual(switchboard.wait(PATIENCE), 0)
                self.assertEqual(list(self.folder.iterdir()), [])

    def test_a_killed_switchboard_leaves_a_socket_that_is_taken_over(self) -> None:
        killed = self.switchboard()
        killed.kill()
        killed.wait(PATIENCE)
        self.assertTrue(self.socket.exists())
        second = self.switchboard()
        second.terminate()
        self.assertEqual(second.wait(PATIENCE), 0)
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_a_killed_device_leaves_its_slot_to_the_next(self) -> None:
        self.switchboard()
        for _ in range(3):
            device = self.device()
            device.kill()
            device.wait(PATIENCE)

    def test_help_and_version(self) -> None:
        for arguments, words in ((["--version"], "bellwire "), (["--help"], "switchboard"),
                                 (["switchboard", "--help"], "--slots"),
                                 (["device", "--help"], "ivshmem:PATH"),
                                 (["rules", "--help"], "--json")):
            with self.subTest(" ".join(arguments)):
                run = self.run_program(*arguments)
                self.assertEqual((run.returncode, run.stderr), (0, ""))
                self.assertIn(words, run.stdout)


class Tracing(ProgramCase):
    def setUp(self) -> None:
        super().setUp()
        self.control = self.folder / "control"
        self.out = self.folder / "trace.json"

    def recordable(self) -> subprocess.Popen[str]:
        self.switchboard()
        device = self.start("device", "echo", "--on", f"ivshmem:{self.socket}",
                            "--control", self.control)
        self.until(lambda: served(self.control))
        return device

    def recorder(self, out: Path) -> subprocess.Popen[str]:
        """One that records already."""
        process = subprocess.Popen([PROGRAM, "trace", "record", self.control, "--out", out],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        self.addCleanup(pipe(process.stdout).close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.assertIn("recording", pipe(process.stdout).readline())
        return process

    def test_a_trace_of_one_process_has_all_its_requests(self) -> None:
        run = self.run_program("device", "echo", "--on", "in-process:rings=100",
                               "--trace", self.out)
        self.assertEqual(run.returncode, 0, run.stderr)
        trace = json.loads(self.out.read_text())
        self.assertEqual([request["index"] for request in trace["requests"]], list(range(100)))
        self.assertEqual(trace["clock"]["uncertainty_ns"], 0)
        self.assertEqual(trace["machine"]["accelerator"], "none")
        for request in trace["requests"]:
            times = [at for at in request["at"] if at is not None]
            self.assertEqual(times, sorted(times))

    def test_recording_for_a_time(self) -> None:
        self.recordable()
        run = self.run_program("trace", "record", self.control, "--out", self.out,
                               "--seconds", "0.1", "--fact", "qemu=none")
        self.assertEqual(run.returncode, 0, run.stderr)
        trace = json.loads(self.out.read_text())
        self.assertEqual((trace["transport"], trace["device"], trace["requests"]),
                         ("ivshmem", "echo", []))
        self.assertEqual(trace["machine"]["qemu"], "none")

    def test_a_device_that_stops_hands_over_what_there_is(self) -> None:
        device = self.recordable()
        recorder = self.recorder(self.out)
        device.terminate()
        self.assertEqual((device.wait(PATIENCE), recorder.wait(PATIENCE)), (0, 0))
        self.assertEqual(json.loads(self.out.read_text())["version"], 1)
        self.assertFalse(self.control.exists())

    def test_a_device_that_nobody_used_says_that_it_recorded_nothing(self) -> None:
        for older in (None, "older"):
            with self.subTest(older):
                if older:
                    self.out.write_text(older)
                device = self.start("device", "echo", "--on", f"vfio-user:{self.socket}", "--trace",
                                    self.out)
                self.until(lambda: served(self.socket))
                device.terminate()
                self.assertEqual(device.wait(PATIENCE), FAILED)
                self.assertRegex(pipe(device.stderr).read(),
                                 rf"\Abellwire: '{self.out}' was not written: no driver [^\n]+\n\Z")
                self.assertEqual(self.out.exists() and self.out.read_text(), older or False)

    def test_nobody_to_record(self) -> None:
        run = self.run_program("trace", "record", self.control, "--out", self.out)
        self.assert_refused(FAILED, [str(self.control), "start the device with --control"], run)
        self.assertFalse(self.out.exists())

    def test_two_recordings_at_once(self) -> None:
        self.recordable()
        self.recorder(self.folder / "first")
        run = self.run_program("trace", "record", self.control, "--out", self.out)
        self.assert_refused(FAILED, ["being recorded already"], run)

    def test_nonsense_on_the_socket_ends_the_connection_alone(self) -> None:
        device = self.recordable()
        for said in (b"x" * 10_000, b"nonsense\n", b"[]\n", b'{"do":"dance"}\n',
                     b'{"do":"record","seconds":-1}\n', b'{"do":"note"}\n', b'{"do":"note","fault":5}\n',
                     b'{"do":"note","fault":"' + b"x" * 65 + b'"}\n'):
            with socket.socket(socket.AF_UNIX) as peer:
                peer.settimeout(PATIENCE)
                peer.connect(str(self.control))
                peer.sendall(said)
                self.assertIn(b'"error"', peer.recv(4096))
        self.assertIsNone(device.poll())
