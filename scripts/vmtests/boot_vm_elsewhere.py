# SPDX-License-Identifier: BSD-3-Clause
"""scripts/boot-vm on other machines: odd paths, read-only places, and output that nobody reads."""

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from bellwire.core import places
from bellwire.core.runs import RUNS
from bellwire.plugin import Subtests
from vmtests.boot_vm import BOOT_VM, LIMIT, boot_vm, users

ODD = 'a b, "c" $x: é\'%#'
ENDLESS = ("sh", "-c", "while :; do cat /bin/busybox; done")


def folder_of(pid: int) -> Path:
    return max(RUNS.glob(f"*-{pid}"))


def on_disk(folder: Path) -> int:
    return sum(path.lstat().st_blocks * 512 for path in folder.rglob("*"))


def redirected(how: str, *command: str) -> tuple[int, str]:
    """Its status and stderr, started by a shell with that redirection."""
    done = subprocess.run(["sh", "-c", f'exec "$@" {how}', "sh", BOOT_VM, "--", *command],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=LIMIT)
    return done.returncode, done.stderr


def test_stdout_that_is_closed_or_full(subtest: Subtests) -> None:
    for how in (">&-", ">/dev/full", "<&- >&-"):
        with subtest(how):
            status, said = redirected(how, "echo", "hi")
            assert status == 125, said
            assert re.search(r"(?m)\Abellwire: (?:waiting .*\n.*)?stdout can't be written", said)
            assert "Traceback" not in said


def test_what_it_does_not_need_may_be_closed(subtest: Subtests) -> None:
    for how in ("<&-", "2>&-", "<&- 2>&-", "<&- >&- 2>&-"):
        with subtest(how):
            assert redirected(how, "sh", "-c", "exit 7")[0] == 7


def test_a_reader_that_has_seen_enough() -> None:
    with subprocess.Popen([BOOT_VM, "--", *ENDLESS], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout and process.stderr
        process.stdout.read(1)
        process.stdout.close()
        said = process.stderr.read()
        assert process.wait(LIMIT) == 128 + signal.SIGPIPE, said


def test_the_timeout_holds_while_nobody_reads() -> None:
    read, write = os.pipe()
    process = subprocess.Popen([BOOT_VM, "--timeout", "10", "--", *ENDLESS],
                               stdin=subprocess.DEVNULL, stdout=write, stderr=write)
    os.close(write)
    assert process.wait(LIMIT) == 124
    os.close(read)
    assert on_disk(folder_of(process.pid)) < 64 << 20


def test_a_slow_reader_gets_everything() -> None:
    with subprocess.Popen([BOOT_VM, "--", "seq", "1000000"], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE) as process:
        folder = None
        while not (folder and (folder / "stdout").exists()
                   and (folder / "stdout").stat().st_size > 1 << 20):
            time.sleep(0.1)  # the guest writes, and nobody reads
            folder = max(RUNS.glob(f"*-{process.pid}"), default=None)
        said = process.stdout.read()
        assert process.wait(LIMIT) == 0
    assert said == b"".join(b"%d\n" % number for number in range(1, 1000001))


def test_a_cache_that_can_not_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/proc/none")
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    run = boot_vm("--", "echo", "hi")
    assert (run.returncode, run.stdout) == (0, "hi\n"), run.stderr
    assert "Traceback" not in run.stderr


def test_two_caches_have_one_image(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = places.BUILD / "images/6.1/initramfs.cpio"
    boot_vm("--", "true")
    made = image.stat()
    other = folder / "cache"
    (other / "bellwire/kernels").mkdir(parents=True)
    for cache in places.caches():
        if (kernel := cache / "kernels/6.1").exists():
            subprocess.run(["cp", "-a", kernel, other / "bellwire/kernels"], check=True)
    monkeypatch.setenv("XDG_CACHE_HOME", str(other))
    run = boot_vm("--", "true")
    assert run.returncode == 0, run.stderr
    assert image.stat().st_mtime_ns == made.st_mtime_ns


def test_odd_places(folder: Path, monkeypatch: pytest.MonkeyPatch, subtest: Subtests) -> None:
    for name in (ODD, os.fsdecode(b"\xe9\xff"), "x" * 120, "a\nb"):
        with subtest(name):
            odd = folder / name
            for inner in ("tmp", "share/-dir"):
                (odd / inner).mkdir(parents=True)
            (odd / "share/-dir" / name).write_text("found\n")
            monkeypatch.setenv("TMPDIR", str(odd / "tmp"))
            run = boot_vm("--share", str(odd / "share"), "--", "sh", "-c",
                          'test -n "$0" && cat /share/-dir/*', name)
            assert (run.returncode, run.stdout) == (0, "found\n"), run.stderr
            assert list((odd / "tmp").iterdir()) == []


def test_ended_it_leaves_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch, subtest: Subtests
                                 ) -> None:
    monkeypatch.setenv("TMPDIR", str(folder))
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL):
        with subtest(number.name):
            process = subprocess.Popen([BOOT_VM, "--", "sleep", "60"], stdin=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL)
            deadline = time.monotonic() + LIMIT
            while not any("ivshmem:" in line for line in users(folder)):
                assert time.monotonic() < deadline
                time.sleep(0.05)
            process.send_signal(number)
            process.wait(LIMIT)
            while users(folder):  # the kernel ends those of a killed one
                assert time.monotonic() < deadline
                time.sleep(0.05)
    boot_vm("--", "true")  # sweeps what the killed one left
    assert list(folder.iterdir()) == []
