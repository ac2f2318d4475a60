# SPDX-License-Identifier: BSD-3-Clause
"""Wrong command lines, each with what its one-line error must name; and help, which does nothing."""

import subprocess
import tempfile
import unittest
from pathlib import Path

from program import BENCH, PROGRAM, SLOWER, Checked

PATIENCE = 20 * SLOWER
USAGE, FAILED = 2, 1
SUBCOMMANDS = ("", "switchboard", "device", "replay", "trace", "trace record", "trace show", "trace diff",
               "trace export", "top", "rules", "scenario", "scenario list", "scenario run", "conform",
               "conform vhost-user")
# {file}: a file, {folder}: a folder, {none}: nothing.
WRONG = (
    ("", USAGE, "subcommand"),
    ("nosuch", USAGE, "'nosuch'; there are: switchboard, device"),
    ("--nosuch", USAGE, "'--nosuch'"),
    ("--log-level loud rules", USAGE, "loud"),
    ("switchboard", USAGE, "--socket"),
    ("switchboard --socket", USAGE, "--socket"),
    ("switchboard --socket {folder}", FAILED, "is not a socket"),
    ("switchboard --socket {file}", FAILED, "is not a socket"),
    ("switchboard --socket {folder}/s --slots 0", USAGE, "slots 0: choose 1 to 1024"),
    ("switchboard --socket {folder}/s --slots x", USAGE, "'x' is not a number"),
    ("switchboard --socket {folder}/s --group", USAGE, "--group"),
    ("switchboard --socket {folder}/s --group nosuch", FAILED, "no group 'nosuch'"),
    ("switchboard --socket {folder}/s --vectors 33", USAGE, "vectors 33: choose 1 to 32"),
    ("switchboard --socket {folder}/s --memory 5", USAGE, "memory 5"),
    ("switchboard --socket {folder}/s --memory 4Q", USAGE, "--memory: q unit"),
    ("switchboard {folder}/s", USAGE, "unknown"),
    ("device", USAGE, "NAME"),
    ("device nosuch", USAGE, "nosuch"),
    ("device echo", USAGE, "--on"),
    ("device echo --nosuch", USAGE, "'--nosuch'"),
    ("device echo digest --on in-process", USAGE, "'digest'"),
    ("device echo --on", USAGE, "--on"),
    ("device echo --on pigeon:{none}", USAGE, "'pigeon:"),
    ("device echo --on ivshmem", USAGE, "path"),
    ("device echo --on ivshmem:", USAGE, "path"),
    ("device echo --on ivshmem:{none}", FAILED, "nobody serves"),
    ("device echo --on ivshmem:{file}", FAILED, "is not a socket"),
    ("device echo --on ivshmem:{none},slot=x", USAGE, "slot=x"),
    ("device echo --on ivshmem:{none},nosuch=1", USAGE, "nosuch"),
    ("device echo --on vfio-user:", USAGE, "path"),
    ("device echo --on vfio-user:{folder}", FAILED, "{folder}"),
    ("device echo --on vfio-user:{none},vectors=0", USAGE, "vectors"),
    ("device echo --on in-process:rings=0", USAGE, "rings"),
    ("device echo --on in-process:depth=99999999", USAGE, "depth"),
    ("device echo --on in-process --poll maybe", USAGE, "'maybe'"),
    ("device echo --on in-process --poll always=9999", FAILED, "9999"),
    ("device echo --on in-process --moderate 1000001", USAGE, "from 0 to 1000000"),
    ("device echo --on in-process --moderate x", USAGE, "'x'"),
    ("device echo --on in-process --drop nosuch=1", USAGE, "'nosuch=1'"),
    ("device echo --on in-process --drop doorbell=0", USAGE, "'doorbell=0'"),
    ("device echo --on in-process --fault", USAGE, "--fault"),
    ("device echo --on in-process --fault lose", USAGE, "'lose' at character 1: choose drop, delay"),
    ("device echo --on in-process --fault drop", USAGE, "doorbell, interrupt or completion must follow"),
    ("device echo --on in-process --fault=seed;", USAGE, "a number from 0 to"),
    ("device echo --on pigeon:{none} --drop doorbell=1", USAGE, "'pigeon:"),
    ("device edu --on vfio-user:{none} --drop doorbell=1", USAGE, "registers in place of doorbells"),
    ("device echo --on in-process --trace {folder}", FAILED, "{folder}"),
    ("device echo --on in-process --trace {none}/t", FAILED, "{none}/t"),
    ("device echo --on in-process --group root", USAGE, "--group root: no socket"),
    ("device echo --on vfio-user:{none} --group nosuch", FAILED, "no group 'nosuch'"),
    ("device echo --on in-process --control-group root", USAGE, "--control-group root: no socket"),
    ("device echo --on in-process --fact nosuch=1", USAGE, "nosuch"),
    ("device echo --on in-process --control {folder}", FAILED, "is not a socket"),
    ("device blk --on vhost-user:{none}", USAGE, "--file"),
    ("device blk --on vhost-user:{none} --size 5", USAGE, "5 bytes"),
    ("device blk --on vhost-user:{none} --size 64M --queues 0", USAGE, "from 1 to 64"),
    ("device blk --on vhost-user:{none} --file {none}", FAILED, "{none}"),
    ("device blk --on vhost-user:{none} --file {folder}", FAILED, "{folder}"),
    ("device blk --on ivshmem:{none} --size 64M", USAGE, "no virtio devices; choose"),
    ("device rng --on vhost-user:{none} --file {file}", USAGE, "--file"),
    ("device rng --fd 99", USAGE, "99"),
    ("device rng --fd x", USAGE, "'x'"),
    ("device rng --on vhost-user:{none} --socket-path {none}", USAGE, "--socket-path"),
    ("device net --on vhost-user:{none} --mac zz", USAGE, "'zz'"),
    ("device net --on vhost-user:{none} --mtu 1", USAGE, "from 68 to 65535"),
    ("device edu --on ivshmem:{none}", USAGE, "use --on vfio-user:PATH"),
    ("device echo --on in-process --record {folder}", FAILED, "{folder}"),
    ("device echo --on in-process --record {none}/r", FAILED, "{none}/r"),
    ("device echo --on in-process --record /dev/null", USAGE, "not a regular file"),
    ("replay", USAGE, "FILE"),
    ("replay {none}", FAILED, "{none}"),
    ("replay {folder}", FAILED, "{folder}"),
    ("replay {file}", FAILED, "is not a recording"),
    ("replay {file} --break 0", USAGE, "--break"),
    ("trace", USAGE, "subcommand"),
    ("trace nosuch", USAGE, "'nosuch'; there are:"),
    ("trace record", USAGE, "SOCKET"),
    ("trace record {none}", USAGE, "--out"),
    ("trace record {none} --out {folder}/t", FAILED, "nobody serves"),
    ("trace record {file} --out {folder}/t", FAILED, "is not a socket"),
    ("trace record {none} --out {folder}/t --seconds 0", USAGE, "'0': choose a number above 0"),
    ("trace record {none} --out {folder}/t --seconds -1", USAGE, "'-1'"),
    ("trace record {none} --out {folder}/t --requests 0", USAGE, "'0'"),
    ("trace show", USAGE, "FILE"),
    ("trace show {none}", FAILED, "{none}"),
    ("trace show {folder}", FAILED, "{folder}"),
    ("trace show {file}", FAILED, "{file}"),
    ("trace show {file} --slowest -1", USAGE, "'-1'"),
    ("trace diff {file}", USAGE, "required"),
    ("trace diff {none} {none}", FAILED, "{none}"),
    ("trace export {file}", USAGE, "--html"),
    ("trace export {none} --html {folder}/h", FAILED, "{none}"),
    ("top", USAGE, "SOCKET"),
    ("top {none}", FAILED, "nobody serves"),
    ("top {folder}", FAILED, "is not a socket"),
    ("top {none} --interval 0", USAGE, "from 0.01 to 3600"),
    ("top {none} --times 0", USAGE, "above 0"),
    ("rules nosuch", USAGE, "'nosuch'"),
    ("rules --steps 0", USAGE, "'--steps'"),
    ("conform", USAGE, "subcommand"),
    ("conform nosuch", USAGE, "'nosuch'; there are: vhost-user"),
    ("conform vhost-user", USAGE, "SOCKET"),
    ("conform vhost-user {none}", FAILED, "nobody serves"),
    ("conform vhost-user {folder}", FAILED, "is not a socket"),
    ("conform vhost-user {none} --only nosuch", USAGE, "'nosuch' is not a number"),
    ("conform vhost-user {none} --only 1,5-", USAGE, "'5-' is not a number"),
    ("conform vhost-user {none} --only 5-3", USAGE, "range 5-3 is empty"),
    ("conform vhost-user {none} --only 1-9999", USAGE, "9999"),
    ("conform vhost-user {none} --nosuch", USAGE, "(see bellwire conform vhost-user --help)"),
    ("conform vhost-user {none} --only 9999", USAGE, "9999"),
    ("conform vhost-user {none} --dialect klingon", USAGE, "klingon"),
    ("conform vhost-user {none} --device toaster", USAGE, "toaster"),
    ("conform vhost-user {none} --deadline 0", USAGE, "from 0.1 to 600"),
    ("conform vhost-user {none} --resize ;", USAGE, "--resize ';' is not a command"),
    ("conform vhost-user {none} --peer {none}", USAGE, "is the SOCKET, too"),
    ("conform vhost-user {none} --start false", USAGE, "{{socket}} must stand in it"),
    ("conform vhost-user {none} --start={{socket_path}}", USAGE,
     "unknown {{socket_path}}; there are {{socket}}, {{peer}}"),
    ("conform vhost-user {none} --start='{{socket}}", USAGE, "has a ' that is not closed"),
    ("conform vhost-user {none} --start=${{NOSUCH}}{{socket}}", USAGE, "variable that is not set"),
)


class UsageTest(Checked):
    def setUp(self) -> None:
        super().setUp()
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        (folder / "file").write_text("text\n")
        (folder / "folder").mkdir()
        self.names = {name: str(folder / name) for name in ("file", "folder", "none")}

    def run_program(self, *words: str, program: Path = PROGRAM) -> "subprocess.CompletedProcess[str]":
        return subprocess.run([program, *words], text=True, stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=PATIENCE)

    def test_wrong_lines_are_named_in_one_line(self) -> None:
        for line, status, named in WRONG:
            with self.subTest(line):
                run = self.run_program(*line.format(**self.names).split())
                self.assertEqual((run.returncode, run.stdout), (status, ""), run.stderr)
                self.assertRegex(run.stderr, r"\Abellwire: [^\n]{,400}\n\Z")
                self.assertIn(named.format(**self.names), run.stderr)

    def test_help_fits_80_columns_and_does_nothing(self) -> None:
        for program, subcommands in ((PROGRAM, SUBCOMMANDS), (BENCH, ("",))):
            for subcommand in subcommands:
                with self.subTest(subcommand, program=program.name):
                    run = self.run_program(*subcommand.split(), "--help", program=program)
                    self.assertEqual((run.returncode, run.stderr), (0, ""))
                    usage = f"Usage: {program}"  # a long path may be in it
                    wide = [line for line in run.stdout.splitlines()
                            if len(line) > 80 and not line.startswith(usage)]
                    self.assertEqual(wide, [])
                    for noise in ("REQUIRED", "INT in", "TEXT:", "POSITIVE"):
                        self.assertNotIn(noise, run.stdout)


if __name__ == "__main__":
    unittest.main()
