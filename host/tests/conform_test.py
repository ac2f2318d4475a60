# SPDX-License-Identifier: BSD-3-Clause
"""`bellwire conform vhost-user` as a program: its verdicts for people and for other programs, and
what it leaves behind. What the verdicts are worth is tested in host/conform."""

import json
import os
import shlex
import signal
import socket
import subprocess
import tempfile
import time
import unittest
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

from program import PROGRAM, SLOWER, Checked, pipe

PATIENCE = 60 * SLOWER
BACK_END = f"{shlex.quote(str(PROGRAM))} device rng --socket-path {{socket}}"
# A process of its own kind, so that nobody else's is looked at: it writes down which.
# Each start adds its process; one that is killed before it does has none.
NOTED = "sh -c 'echo $$ >>{folder}/pids; exec \"$0\" device rng --socket-path \"$1\"' {program} {{socket}}"
# The shell stays, and so would what it starts.
FAMILY = "sh -c 'setsid sleep 1000 & echo $! >>{folder}/pids; \"$0\" device rng --socket-path \"$1\" & " \
         "echo $$ $! >>{folder}/pids; wait' {program} {{socket}}"


class ConformTest(Checked):
    def setUp(self) -> None:
        super().setUp()
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.socket = self.folder / "socket"

    def arguments(self, *options: str) -> list[str]:
        return [str(PROGRAM), "conform", "vhost-user", str(self.socket), *options]

    def conform(self, *options: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(self.arguments(*options), text=True, stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=PATIENCE)

    def test_verdicts_for_people_and_for_programs(self) -> None:
        verdicts, junit = self.folder / "verdicts.json", self.folder / "verdicts.xml"
        run = self.conform("--start", BACK_END, "--only", "1,2,13", "--json", str(verdicts),
                           "--junit", str(junit))
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        self.assertIn("3 statements: 2 pass, 0 fail, 1 not applicable", run.stdout)
        found = {one["statement"]: one["verdict"]
                 for one in json.loads(verdicts.read_text())["statements"]}
        self.assertEqual(found, {1: "pass", 2: "pass", 13: "n/a"})
        suite = ElementTree.parse(junit).getroot()[0]
        self.assertEqual([suite.get(name) for name in ("tests", "failures", "skipped")],
                         ["3", "0", "1"])
        self.assertEqual({path.name for path in self.folder.iterdir()},
                         {verdicts.name, junit.name})

    def test_a_disk_that_is_made_longer(self) -> None:
        disk, verdicts = self.folder / "disk", self.folder / "verdicts.json"
        disk.write_bytes(bytes(1 << 20))
        start = f"{shlex.quote(str(PROGRAM))} device blk --file {disk} --socket-path {{socket}}"
        for resize, expected in ((f"sh -c 'truncate -s +1M {disk}; kill -USR1 {{pid}}'", "pass"),
                                 ("false", "untried"), ("/no/program", "untried"), ("", "untried")):
            with self.subTest(resize):
                run = self.conform("--start", start, "--only", "132", "--json", str(verdicts),
                                   *(("--resize", resize) if resize else ()))
                failed = resize in ("false", "/no/program")
                self.assertEqual(run.returncode, int(failed), run.stdout + run.stderr)
                self.assertIn("--resize: " if failed else "", run.stderr)
                found = json.loads(verdicts.read_text())["statements"][0]
                self.assertEqual(found["verdict"], expected, run.stdout)
                self.assertIn("" if expected == "pass" else "--resize", found["reason"])

    def test_a_device_that_is_not_found_out(self) -> None:
        for device, options, expected in (
                ("echo", (), {13: "pass", 34: "n/a", 92: "n/a", 102: "n/a"}),
                ("rng", ("--resize", "true"), {13: "n/a", 102: "pass", 132: "n/a", 139: "n/a"}),
                ("rng", (), {132: "n/a"})):
            with self.subTest(device, options=options):
                verdicts = self.folder / "verdicts.json"
                start = f"{shlex.quote(str(PROGRAM))} device {device}\n  --on vhost-user:{{socket}}"
                run = self.conform("--start", start, "--json", str(verdicts), *options,
                                   "--only", ",".join(map(str, expected)))
                self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
                self.assertEqual(" ".join(run.stdout.split()).count("say it by --device"),
                                 4 if device == "echo" else 0, run.stdout)
                found = json.loads(verdicts.read_text())
                self.assertEqual(found["device"], "unknown" if device == "echo" else device)
                self.assertEqual({one["statement"]: one["verdict"] for one in found["statements"]},
                                 expected)

    def test_empty_values_are_named(self) -> None:
        for option, reason in (("--only", "such as 7 or 5-9"), ("--start", "--start '' is empty"),
                               ("--resize", "--resize '' is empty")):
            with self.subTest(option):
                run = self.conform(option, "")
                self.assertEqual((run.returncode, run.stdout), (2, ""))
                self.assertIn(reason, run.stderr)

    def test_who_does_not_answer(self) -> None:
        junit = self.folder / "verdicts.xml"
        with socket.socket(socket.AF_UNIX) as silent:
            silent.bind(str(self.socket))
            silent.listen()
            run = self.conform("--only", "1-2,4", "--deadline", "0.1", "--junit", str(junit))
        self.assertEqual(run.returncode, 1)
        self.assertEqual((run.stdout + run.stderr).count("could not be asked what it is"), 1)
        self.assertIn("no answer; is it stopped? does it serve vhost-user?", run.stderr)
        self.assertEqual(run.stderr.count("\n"), 1, run.stderr)
        failure = ElementTree.parse(junit).getroot().find(".//failure")
        assert failure is not None and failure.text is not None
        self.assertNotIn("\\n", failure.text)
        self.assertEqual([line.partition(":")[0] for line in failure.text.splitlines()[-2:]],
                         ["sent", "came"])

    def test_nobody_listens(self) -> None:
        run = self.conform("--only", "1")
        self.assertEqual(run.returncode, 1)
        self.assertIn(f"nobody serves socket '{self.socket}'", run.stderr)

    def test_a_back_end_that_does_not_start(self) -> None:
        run = self.conform("--start", "false {socket}", "--only", "1")
        self.assertEqual(run.returncode, 1)
        self.assertIn("false ended with status 1 before it served", run.stderr)

    def refused(self, start: str, reason: str) -> None:
        """The reason is the only line, and what is at the socket stays."""
        run = self.conform("--start", start, "--only", "1")
        self.assertEqual(run.returncode, 1)
        self.assertEqual(run.stdout, "")
        self.assertEqual(run.stderr.count("\n"), 1, run.stderr)
        self.assertIn(reason, run.stderr)

    def test_a_program_that_is_not_there(self) -> None:
        for program, reason in (("/no/program", "No such file or directory"),
                                (str(self.folder), "Permission denied")):
            with self.subTest(program):
                self.refused(f"{program} {{socket}}", f"cannot run '{program}': {reason}")

    def test_a_socket_that_another_process_serves(self) -> None:
        with socket.socket(socket.AF_UNIX) as another:
            another.bind(str(self.socket))
            another.listen()
            self.refused(BACK_END, f"'{self.socket}' is served already")
        self.assertTrue(self.socket.exists())

    def test_a_file_in_the_place_of_the_socket(self) -> None:
        self.socket.write_text("precious")
        self.refused(BACK_END, "is not a socket")
        self.assertEqual(self.socket.read_text(), "precious")

    def test_the_suites_input_is_not_the_back_ends(self) -> None:
        got = self.folder / "got"
        start = shlex.join(["sh", "-c", f'readlink /proc/$$/fd/0 >{got}; exec "$0" device rng '
                            '--socket-path "$1"', str(PROGRAM), "{socket}"])
        for_the_suite = self.folder / "input"
        for_the_suite.touch()
        with for_the_suite.open() as file:
            run = subprocess.run(self.arguments("--start", start, "--only", "1"), text=True,
                                 stdin=file, capture_output=True, timeout=PATIENCE)
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        self.assertRegex(got.read_text(), r"^pipe:")

    def test_a_back_end_that_answers_nobody_is_started_again_without_its_socket(self) -> None:
        listen = ("import socket, sys; s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); "
                  "s.listen(); [s.accept()[0].close() for _ in iter(int, 1)]")
        useless = self.folder / "useless"
        start = shlex.join(["sh", "-c", f"""test ! -e "$1" || exit 9
            if test -e {useless}; then exec "$0" device rng --socket-path "$1"; fi
            touch {useless}; exec /usr/bin/python3 -c '{listen}' "$1" """, str(PROGRAM), "{socket}"])
        run = self.conform("--start", start, "--only", "1,2")
        self.assertEqual(run.returncode, 1)
        self.assertIn("  1  fail", run.stdout)
        self.assertIn("  2  pass", run.stdout)

    def test_what_a_back_end_leaves_behind(self) -> None:
        left = self.folder / "left"
        start = shlex.join(["sh", "-c", f"setsid sh -c 'echo $$ >{left}; exec sleep 1000' & "
                            f"while [ ! -s {left} ]; do sleep 0.01; done; "
                            'exec "$0" device rng --socket-path "$1"', str(PROGRAM), "{socket}"])
        run = self.conform("--start", start, "--only", "1")
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        self.assertFalse(Path(f"/proc/{int(left.read_text())}").exists())

    def test_what_is_interrupted_leaves_nothing_behind(self) -> None:
        start = NOTED.format(folder=shlex.quote(str(self.folder)),
                             program=shlex.quote(str(PROGRAM)))
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(number.name):
                said = self.ended_early(start, lambda run: run.send_signal(number), 1)
                self.assertIn("interrupted after", said)
                self.assertEqual({path.name for path in self.folder.iterdir()}, {"pids"})

    def test_what_is_killed_leaves_no_process_behind(self) -> None:
        start = FAMILY.format(folder=shlex.quote(str(self.folder)),
                              program=shlex.quote(str(PROGRAM)))
        for whom, kill in (("the suite", subprocess.Popen.kill),
                           ("its group", lambda run: os.killpg(run.pid, signal.SIGKILL))):
            with self.subTest(whom):
                self.ended_early(start, kill, -signal.SIGKILL)

    def ended_early(self, start: str, end: Callable[[subprocess.Popen[str]], None], status: int
                    ) -> str:
        """What a run said on stderr that was ended by `end` after its first verdict. All processes
        that were started are gone in the end."""
        (self.folder / "pids").unlink(missing_ok=True)
        run = subprocess.Popen(self.arguments("--start", start, "--only", "1-12", "--json",
                                              str(self.folder / "verdicts")), text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               start_new_session=True)
        self.addCleanup(run.wait, PATIENCE)
        self.addCleanup(run.kill)
        pipe(run.stdout).readline()  # the first verdict
        end(run)
        said = run.communicate(timeout=PATIENCE)[1]
        self.assertEqual(run.returncode, status, said)
        started = (self.folder / "pids").read_text().split()
        deadline = time.monotonic() + PATIENCE
        while self.running(started) and time.monotonic() < deadline:
            time.sleep(0.01)
        self.assertEqual(self.running(started), [])
        return said

    def running(self, processes: list[str]) -> list[str]:
        return [process for process in processes if Path("/proc", process).exists()]


if __name__ == "__main__":
    unittest.main()
