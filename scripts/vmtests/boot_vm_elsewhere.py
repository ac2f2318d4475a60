# SPDX-License-Identifier: BSD-3-Clause
"""scripts/boot-vm on other machines: odd paths, read-only places, and output that nobody reads."""

import os
import signal
import subprocess
import tempfile
import time
import unittest
from pathlib import Path
from unittest import mock

from .boot_vm import BOOT_VM, LIMIT, boot_vm, users
from bellwire.core import places
from bellwire.core.runs import RUNS

ODD = 'a b, "c" $x: é\'%#'
ENDLESS = ("sh", "-c", "while :; do cat /bin/busybox; done")


def folder_of(pid: int) -> Path:
    return max(RUNS.glob(f"*-{pid}"))


def on_disk(folder: Path) -> int:
    return sum(path.lstat().st_blocks * 512 for path in folder.rglob("*"))


class Elsewhere(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="b")))

    def environment(self, **variables: str) -> None:
        self.enterContext(mock.patch.dict(os.environ, variables))

    def redirected(self, how: str, *command: str) -> tuple[int, str]:
        """Its status and stderr, started by a shell with that redirection."""
        done = subprocess.run(["sh", "-c", f'exec "$@" {how}', "sh", BOOT_VM, "--", *command],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=LIMIT)
        return done.returncode, done.stderr

    def test_stdout_that_is_closed_or_full(self) -> None:
        for how in (">&-", ">/dev/full", "<&- >&-"):
            with self.subTest(how):
                status, said = self.redirected(how, "echo", "hi")
                self.assertEqual(status, 125, said)
                self.assertRegex(said, r"(?m)\Abellwire: (?:waiting .*\n.*)?stdout can't be written")
                self.assertNotIn("Traceback", said)

    def test_what_it_does_not_need_may_be_closed(self) -> None:
        for how in ("<&-", "2>&-", "<&- 2>&-", "<&- >&- 2>&-"):
            with self.subTest(how):
                self.assertEqual(self.redirected(how, "sh", "-c", "exit 7")[0], 7)

    def test_a_reader_that_has_seen_enough(self) -> None:
        with subprocess.Popen([BOOT_VM, "--", *ENDLESS], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdout and process.stderr
            process.stdout.read(1)
            process.stdout.close()
            said = process.stderr.read()
            self.assertEqual(process.wait(LIMIT), 128 + signal.SIGPIPE, said)

    def test_the_timeout_holds_while_nobody_reads(self) -> None:
        read, write = os.pipe()
        process = subprocess.Popen([BOOT_VM, "--timeout", "10", "--", *ENDLESS],
                                   stdin=subprocess.DEVNULL, stdout=write, stderr=write)
        os.close(write)
        self.assertEqual(process.wait(LIMIT), 124)
        os.close(read)
        self.assertLess(on_disk(folder_of(process.pid)), 64 << 20)

    def test_a_slow_reader_gets_everything(self) -> None:
        with subprocess.Popen([BOOT_VM, "--", "seq", "1000000"], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE) as process:
            folder = None
            while not (folder and (folder / "stdout").exists()
                       and (folder / "stdout").stat().st_size > 1 << 20):
                time.sleep(0.1)  # the guest writes, and nobody reads
                folder = max(RUNS.glob(f"*-{process.pid}"), default=None)
            said = process.stdout.read()
            self.assertEqual(process.wait(LIMIT), 0)
        self.assertEqual(said, b"".join(b"%d\n" % number for number in range(1, 1000001)))

    def test_a_cache_that_can_not_be_made(self) -> None:
        self.environment(HOME="/proc/none", XDG_CACHE_HOME="")
        run = boot_vm("--", "echo", "hi")
        self.assertEqual((run.returncode, run.stdout), (0, "hi\n"), run.stderr)
        self.assertNotIn("Traceback", run.stderr)

    def test_two_caches_have_one_image(self) -> None:
        image = places.BUILD / "images/6.1/initramfs.cpio"
        boot_vm("--", "true")
        made = image.stat()
        other = self.folder / "cache"
        (other / "bellwire/kernels").mkdir(parents=True)
        for cache in places.caches():
            if (kernel := cache / "kernels/6.1").exists():
                subprocess.run(["cp", "-a", kernel, other / "bellwire/kernels"], check=True)
        self.environment(XDG_CACHE_HOME=str(other))
        run = boot_vm("--", "true")
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertEqual(image.stat().st_mtime_ns, made.st_mtime_ns)

    def test_odd_places(self) -> None:
        for name in (ODD, os.fsdecode(b"\xe9\xff"), "x" * 120, "a\nb"):
            with self.subTest(name):
                odd = self.folder / name
                for inner in ("tmp", "share/-dir"):
                    (odd / inner).mkdir(parents=True)
                (odd / "share/-dir" / name).write_text("found\n")
                self.environment(TMPDIR=str(odd / "tmp"))
                run = boot_vm("--share", str(odd / "share"), "--", "sh", "-c",
                              'test -n "$0" && cat /share/-dir/*', name)
                self.assertEqual((run.returncode, run.stdout), (0, "found\n"), run.stderr)
                self.assertEqual(list((odd / "tmp").iterdir()), [])

    def test_ended_it_leaves_nothing(self) -> None:
        self.environment(TMPDIR=str(self.folder))
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL):
            with self.subTest(number.name):
                process = subprocess.Popen([BOOT_VM, "--", "sleep", "60"], stdin=subprocess.DEVNULL,
                                           stderr=subprocess.DEVNULL)
                deadline = time.monotonic() + LIMIT
                while not any("ivshmem:" in line for line in users(str(self.folder))):
                    self.assertLess(time.monotonic(), deadline)
                    time.sleep(0.05)
                process.send_signal(number)
                process.wait(LIMIT)
                while users(str(self.folder)):  # the kernel ends those of a killed one
                    self.assertLess(time.monotonic(), deadline)
                    time.sleep(0.05)
        boot_vm("--", "true")  # sweeps what the killed one left
        self.assertEqual(list(self.folder.iterdir()), [])
