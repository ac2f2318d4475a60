# SPDX-License-Identifier: BSD-3-Clause
"""What scripts/boot-vm promises its callers: output, exit status, messages, and nothing left."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bellwire.core.places import ROOT
from bellwire.core.runs import RUNS
from bellwire.plugin import Subtests
from bellwire.report import logs

BOOT_VM = ROOT / "scripts/boot-vm"
LIMIT = 300.0
# Messages on a busy machine, and of the first run on any machine.
WAITING = re.compile(r"^(bellwire: (waiting for|fetching|building|no KVM, going on)|build:) .*\n",
                     re.MULTILINE)

MODULE = """
#include <linux/module.h>
static char *words = "";
static bool refuse;
module_param(words, charp, 0444);
module_param(refuse, bool, 0444);
static int __init greeting_init(void)
{
	return refuse ? -ENODEV : 0;
}
module_init(greeting_init);
static void __exit greeting_exit(void)
{
}
module_exit(greeting_exit);
MODULE_LICENSE("GPL");
"""


@dataclass(frozen=True)
class Completed:
    pid: int
    returncode: int
    stdout: str
    stderr: str

    @property
    def folder(self) -> Path:
        """Its own; `last` may be that of a step that runs beside this one."""
        return max(RUNS.glob(f"*-{self.pid}"))

    @property
    def result(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "result.json").read_text())
        return found


def boot_vm(*arguments: str) -> Completed:
    with subprocess.Popen([BOOT_VM, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True) as process:
        try:
            stdout, stderr = process.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    return Completed(process.pid, process.returncode, stdout, WAITING.sub("", stderr))


@pytest.fixture(autouse=True)
def temporary(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Each test has a $TMPDIR of its own; afterwards it is empty, and no process uses it."""
    monkeypatch.setenv("TMPDIR", str(folder))
    yield folder
    assert list(folder.iterdir()) == []
    assert users(folder) == []


def test_the_commands_output_alone() -> None:
    run = boot_vm("--", "uname", "-r")
    assert run.returncode == 0, run.stderr
    assert re.search(r"\A6\.1\.\S+-cloud-amd64\n\Z", run.stdout)
    result = run.result
    assert (result["status"], result["complaints"], result["hangs"]) == (0, [], [])
    for name in ("console.log", "results.ktap", "qemu.sh"):
        assert (run.folder / name).exists(), name


def test_the_commands_status_and_errors() -> None:
    run = boot_vm("--", "sh", "-c", "echo out; echo bad >&2; false")
    assert (run.returncode, run.stdout, run.stderr) == (1, "out\n", "bad\n")


def test_a_report_that_fails(subtest: Subtests) -> None:
    for report, said in (("KTAP version 1\\n1..2\\nok 1 a\\nnot ok 2 boom\\n", "failed: boom"),
                         ("KTAP version 1\\n1..2\\nok 1 a\\n", "2 tests planned, 1 reported"),
                         ("Bail out! no device\\n", "no device"),
                         ("all is well\\n", "neither KTAP nor TAP")):
        with subtest(said):
            command = ["--", "sh", "-c", f"printf '{report}' >/run/bellwire/results"]
            run = boot_vm(*command)
            assert run.returncode == 1, run.stderr
            assert said in run.stderr
            assert re.search(r"ended with 0, but 1 of \d tests in its report failed", run.stderr)
            assert (run.result["status"], run.result["command_status"]) == (1, 0)
    run = boot_vm("--lenient", *command)
    assert (run.returncode, run.result["ktap"]["fail"]) == (0, 1), run.stderr


def test_the_lines_of_a_dry_run_work(subtest: Subtests) -> None:
    for transport, command, expected in (
            ("ivshmem", ("bell", "info"), r"/dev/bellwire0 +echo +alive "),
            ("vfio-user", ("bell", "info"), r"/dev/bellwire0 +echo +alive "),
            ("vhost-user", ("cat", "/sys/block/vda/size"), r"131072")):
        with subtest(transport):
            run = boot_vm("--cold", "--dry-run", "--transport", transport, "--", *command)
            assert (run.returncode, WAITING.sub("", run.stderr)) == (0, "")
            subprocess.run(["sh"], input=run.stdout, text=True, check=True, timeout=LIMIT,
                           capture_output=True)
            assert re.search(f"(?m)^{expected}", (run.folder / "stdout").read_text())


def test_rings_of_a_chosen_size() -> None:
    for transport in ("ivshmem", "vfio-user"):
        run = boot_vm("--transport", transport, "--vectors", "2", "--entries", "1024", "--payload",
                      "512", "--", "bell", "ring", "--depth", "1024", "--count", "5000",
                      "--payload", "256")
        assert run.returncode == 0, run.stderr
        assert re.search(r"depth 1024,(?s:.*)\n +5000( +0){4} ", run.stdout)


def test_virtio_devices(temporary: Path) -> None:
    disk = temporary / "disk"
    disk.write_bytes(b"hello" + bytes(4091))
    run = boot_vm("--transport", "vhost-user", "--device", "blk=64M", "--device",
                  f"blk={disk},read-only", "--device", "rng", "--device", "net", "--",
                  "sh", "-c",
                  "cat /sys/block/vd?/size; head -c 5 /dev/vdb; cat /sys/block/vdb/ro; "
                  "cat /sys/class/misc/hw_random/rng_current /sys/class/net/eth0/address")
    disk.unlink()
    assert (run.returncode, run.stderr) == (0, "")
    assert re.search(r"\A131072\n8\nhello1\nvirtio_rng\.\d\n52:54:00:62:77:03\n\Z", run.stdout)
    result = run.result
    assert result["transport"] == "vhost-user"
    assert [(device["name"], device["log"], device["status"]) for device in result["devices"]] == [
        ("blk", "device-0.log", 0), ("blk", "device-1.log", 0), ("rng", "device-2.log", 0),
        ("net", "device-3.log", 0)]


def test_a_module_of_ones_own(temporary: Path) -> None:
    folder = temporary / "odd: name"
    folder.mkdir()
    (folder / "Kbuild").write_text("obj-m := greeting.o\n")
    (folder / "greeting.c").write_text(MODULE)
    built = subprocess.run([ROOT / "scripts/kmod", folder], text=True, capture_output=True)
    file = f"{folder}/greeting.ko"
    assert (built.returncode, built.stdout) == (0, f"{file}\n"), built.stderr
    run = boot_vm("--insmod", f'{file}:words="good morning"', "--", "cat",
                  "/sys/module/greeting/parameters/words")
    assert (run.returncode, run.stdout) == (0, "good morning\n"), run.stderr
    run = boot_vm("--insmod", f"{file}:refuse=1", "--", "true")
    assert run.returncode == 125
    assert "insmod greeting.ko" in run.stderr
    assert "No such device" in run.stderr
    (folder / "greeting.c").write_text("no C at all")
    built = subprocess.run([ROOT / "scripts/kmod", folder], text=True, capture_output=True)
    assert built.returncode == 125
    assert "error: unknown type name" in built.stderr
    shutil.rmtree(folder)


def test_a_device_that_dies(temporary: Path) -> None:
    command = ("--transport", "vhost-user", "--", "sh", "-c", "echo up; sleep 60")
    with subprocess.Popen([BOOT_VM, *command], stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == "up\n"
        (device,) = (pid for pid in processes(temporary) if "vhost-user:" in line_of(pid))
        os.kill(device, signal.SIGKILL)
        _, stderr = process.communicate(timeout=LIMIT)
    assert (process.returncode, WAITING.sub("", stderr)) == \
        (125, "bellwire: device 0 (blk) was killed by SIGKILL: it said nothing\n")


def test_a_request_that_hangs() -> None:
    run = boot_vm("--", "bell", "ring", "--count", "100", "--drop", "kick=50")
    assert run.returncode == 1, run.stderr
    (hang,) = run.result["hangs"]  # the device and bell report it, and it counts once
    assert re.search(r"^(echo: queue 0|bell): request \d+: submitted \d+\.\d s ago, "
                     r"its kick never seen: lost kick$", hang)
    assert f"bellwire: {hang}; see " in run.stderr


def test_a_panic() -> None:
    run = boot_vm("--", "sh", "-c", "echo c > /proc/sysrq-trigger")
    assert run.returncode == 255, run.stderr
    assert "panicked" in run.stderr


def test_a_timeout() -> None:
    run = boot_vm("--timeout", "3", "--", "sleep", "60")
    assert run.returncode == 124, run.stderr
    assert "still ran after 3 s; the stacks of its tasks: " in run.stderr
    stacks = "\n".join(logs.stacks(run.folder / "console.log"))
    assert re.search(r"(?m)^sleep \(S\): .*nanosleep", stacks)
    found = run.result["post_mortem"]
    assert len(found["cpus"]) == 1
    assert f"bellwire: CPU: {found['cpus'][0]}\n" in run.stderr
    assert "\n".join(found["tasks"]) in stacks
    assert re.search(r"\(1af4:1110\): BAR0 0x100 at 0x.*, BAR2 ", "\n".join(found["mapped"]))


def test_a_guest_without_init() -> None:
    run = boot_vm("--append", "rdinit=/nonexistent", "--", "true")
    assert run.returncode == 255, run.stderr
    assert "panicked: VFS: Unable to mount root fs" in run.stderr


def test_what_it_can_not_do(subtest: Subtests) -> None:
    for arguments, expected in (
            (["--kernel", "2.4", "--", "true"], "2.4"),
            (["--qemu", "/no/qemu", "--", "true"], "/no/qemu"),
            (["--qemu-arg", "-nonsense", "--", "true"], "-nonsense"),
            (["--device", "toaster", "--", "true"], "toaster"),
            (["--smp", "0", "--", "true"], "0"),
            (["--colour"], "--colour")):
        with subtest(arguments[0]):
            run = boot_vm(*arguments)
            assert (run.returncode, run.stdout) == (125, ""), run.stderr
            assert re.search(r"\A[^\n]+\n\Z", run.stderr)
            assert expected in run.stderr


def test_terminated(temporary: Path) -> None:
    process = subprocess.Popen([BOOT_VM, "--", "sleep", "60"], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not any("ivshmem:" in line for line in users(temporary)):  # the device is last
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 128 + signal.SIGTERM


def users(folder: Path) -> list[str]:
    """The command lines of processes that have the folder as $TMPDIR."""
    return [line_of(pid) for pid in processes(folder)]


def processes(folder: Path) -> list[int]:
    """The processes that have the folder as $TMPDIR."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has just ended, or it is somebody else's
            if f"TMPDIR={folder}" in read_words(process / "environ"):
                found.append(int(process.name))
    return found


def line_of(pid: int) -> str:
    """Its command line; "" once it has ended."""
    with suppress(OSError):
        return " ".join(read_words(Path(f"/proc/{pid}/cmdline")))
    return ""


def read_words(file: Path) -> list[str]:
    return file.read_bytes().decode(errors="replace").split("\0")
