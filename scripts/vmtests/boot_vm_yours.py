# SPDX-License-Identifier: BSD-3-Clause
"""What scripts/boot-vm does with devices, folders and input of the user's own, and what it writes."""

import os
import re
import signal
import subprocess
import sys
import xml.etree.ElementTree as xml
from pathlib import Path
from typing import Any

from bellwire.core.places import BUILD, PROGRAM
from bellwire.image import build, kernel
from bellwire.plugin import Subtests
from vmtests import boot_vm as promises
from vmtests.boot_vm import BOOT_VM, LIMIT, boot_vm

IDIO16 = BUILD / "release/docs/examples/idio16/idio16"
PANIC = "echo c >/proc/sysrq-trigger"
# Listens, and reports what it got. In Python: no library of ours is in it.
MUTE = """
import socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen()
print("served", flush=True)
listener.accept()[0].recv(100)
sys.exit("that is too much")
"""


def test_a_program_that_serves_a_device() -> None:
    build.programs("idio16")
    run = boot_vm("--transport", "vfio-user", "--serve", f"{IDIO16} --on vfio-user:{{socket}}", "--", "sh", "-c",
                  "cat /sys/bus/pci/devices/0000:01:00.0/device")
    assert (run.returncode, run.stdout) == (0, "0x0dc8\n"), run.stderr
    assert run.result["devices"] == []
    (served,) = run.result["served"]
    assert (served["command"][0], served["log"], served["starts"], served["status"]) == \
        (str(IDIO16), "serve-0.log", 1, 0)


def test_one_that_is_restarted_on_demand() -> None:
    build.programs("idio16")
    run = restarted("vfio-user", f"{IDIO16} --on vfio-user:{{socket}}", "echo again")
    assert (run.returncode, run.stdout) == (0, "again\n"), run.stderr
    assert [served["starts"] for served in run.result["served"]] == [2]


def restarted(transport: str, serve: str, then: str) -> promises.Completed:
    """A run that gets SIGUSR1; the guest sees its device go and come, and does `then`."""
    events = 'cd /sys/bus/pci/devices; echo up; until [ ! -e 0000:01:00.0 ]; do usleep 9000; done; ' \
             f'until [ -e 0000:01:00.0 ]; do usleep 9000; done; {then}'
    with subprocess.Popen([BOOT_VM, "--transport", transport, "--serve", serve,
                           "--", "sh", "-c", events], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "up\n"
        process.send_signal(signal.SIGUSR1)
        stdout, stderr = process.communicate(timeout=LIMIT)
    return promises.Completed(process.pid, process.returncode, stdout, stderr)


def test_one_behind_a_front_end_that_is_restarted(subtest: Subtests) -> None:
    rng, card = "head -c 4 /dev/hwrng", "cat /sys/class/net/eth0/address"
    for transport, kind, connect, there in (
            ("vhost-user", "rng", "", rng), ("vhost-user", "net", "", card),
            ("vhost-user,reconnect=1", "rng", "", rng),
            ("vhost-user,server=1", "rng", ",connect=1", rng)):
        with subtest(f"{transport}: {kind}"):
            run = restarted(
                transport, f"{kind}={PROGRAM} device {kind} --on vhost-user:{{socket}}{connect}",
                f"until {there}; do usleep 9000; done >/dev/null; echo again")
            assert (run.returncode, run.stdout) == (0, "again\n"), run.stderr
            assert [served["starts"] for served in run.result["served"]] == [2]


def test_programs_behind_front_ends(folder: Path, subtest: Subtests) -> None:
    disk = folder / "disk"
    disk.write_bytes(b"hello" + bytes(4091))
    for words, ends in (("vhost-user", "--socket-path {socket}"),
                        ("vhost-user,server=1", "--on vhost-user:{socket},connect=1")):
        with subtest(words):
            run = boot_vm("--transport", words, "--serve",
                          f"blk={PROGRAM} device blk --file {disk} {ends}", "--device", "rng",
                          "--", "head", "-c", "5", "/dev/vda")
            assert (run.returncode, run.stdout) == (0, "hello"), run.stderr


def test_programs_that_do_not_serve(folder: Path, subtest: Subtests) -> None:
    mute = folder / "mute.py"
    mute.write_text(MUTE)
    for program, said, why in (
            (f"{sys.executable} -c 'print(6*7); exit(3)' {{socket}}", "42", "ended with 3, as above"),
            ("false {socket}", None, "ended with 1, and said nothing"),
            (f"{sys.executable} {mute} {{socket}}", "that is too much", "ended with 1, as above")):
        with subtest(program):
            run = boot_vm("--transport", "vfio-user", "--serve", program, "--", "true")
            assert (run.returncode, run.stdout) == (125, ""), run.stderr
            assert why in run.stderr
            if said:
                assert re.search(rf"(?m)^bellwire: --serve 0 \(\S+\): {said}$", run.stderr)


def test_programs_at_the_wrong_end_of_their_socket(folder: Path, subtest: Subtests) -> None:
    served = f"blk={PROGRAM} device blk --size 1M --on vhost-user:{{socket}}"
    takes_over = folder / "takes_over.py"  # what stands there, as some programs do
    takes_over.write_text(f"import os, sys\nos.unlink(sys.argv[1])\n{MUTE}")
    for words, program, why in (
            ("vhost-user", f"{served},connect=1", "add server=1 to the --transport"),
            ("vhost-user,reconnect=1", f"{served},connect=1", "add server=1 to the --transport"),
            ("vhost-user,server=1", served, "ended with 1, .* leave server=1 out"),
            ("vhost-user,server=1", f"blk={sys.executable} {takes_over} {{socket}}",
             "listens at .* leave server=1 out")):
        for how in ((), ("--cold",)):
            with subtest(" ".join((words, program, *how))):
                run = boot_vm("--transport", words, "--serve", program, *how, "--", "true")
                assert (run.returncode, run.stdout) == (125, ""), run.stderr
                assert re.search(rf"(?m)^bellwire: --serve 0 \(\S+\) .*{why}", run.stderr)


def test_folders_there_and_back(folder: Path) -> None:
    for name in ("one", "two"):
        (folder / name).mkdir()
        (folder / name / "file").write_text(f"{name}\n")
    out = folder / "a 'folder'"
    run = boot_vm("--device", "none", "--share", f"{folder}/one", "--share",
                  f"{folder}/two:second", "--out", f"{out}", "--", "sh", "-c",
                  "cat /share/file /share/second/file; mkdir /out/inner; ln -s inner /out/link; "
                  "echo found >/out/inner/file; chmod 600 /out/inner/file; exit 3")
    assert (run.returncode, run.stdout) == (3, "one\ntwo\n"), run.stderr
    assert (out / "link/file").read_text() == "found\n"
    assert (out / "inner/file").stat().st_mode & 0o777 == 0o600
    assert sorted(os.listdir(out)) == ["inner", "link"]
    run = boot_vm("--device", "none", "--out", f"{out}", "--", "sh", "-c",
                  "echo new >/out/inner; ln -s /nonexistent /out/other")
    assert run.returncode == 0, run.stderr
    assert (out / "link").read_text() == "new\n"  # the name, not what it led to
    assert os.readlink(out / "other") == "/nonexistent"


def test_what_was_written_before_a_panic_comes_back(folder: Path) -> None:
    run = boot_vm("--device", "none", "--out", f"{folder}/out", "--", "sh", "-c",
                  f"echo early >/out/file; sleep 4; {PANIC}; sleep 60")
    assert run.returncode == 255, run.stderr
    assert (folder / "out/file").read_text() == "early\n"


def test_a_disk_and_a_network_of_qemus(folder: Path) -> None:
    disk = folder / "disk"
    disk.write_bytes(bytes(1 << 20))
    run = boot_vm("--device", "none", "--disk", f"{disk}", "--net", "user", "--kernel",
                  "6.1-generic", "--", "sh", "-c",
                  "echo hello >/dev/vda; sync; cat /sys/block/vda/serial; echo; "
                  "ip -4 -o addr show | tail -1; ip route")
    assert run.returncode == 0, run.stderr
    assert re.search(r"\Abellwire-disk0\n\d+: eth0 +inet 10\.0\.2\.15/24 .*\n"
                     r"default via 10\.0\.2\.2 dev eth0 *\n", run.stdout)
    assert disk.read_bytes()[:6] == b"hello\n"


def test_a_kernel_of_ones_own() -> None:
    base = kernel.get("6.12")
    kernel.mend_build_link(base)
    run = boot_vm("--kernel-image", f"{base.image}", "--modules", f"{base.modules.parent}",
                  "--", "sh", "-c", "uname -r; bell ring --count 10 >/dev/null")
    assert (run.returncode, run.stdout) == (0, f"{base.release}\n"), run.stderr
    run = boot_vm("--kernel-image", f"{base.image}", "--", "true")
    assert run.returncode == 125
    assert "--kernel-image and --modules belong together" in run.stderr


def test_input(subtest: Subtests) -> None:
    text = "".join(f"{number}\n" for number in range(100_000))
    for arguments, given, said, status in (
            (["--", "sh", "-c", "md5sum; echo end"], text, r"\A[0-9a-f]{32}  -\nend\n\Z", 0),
            (["--shell"], "echo $((6 * 7))\nexit 3\necho no\n", r"\A42\n\Z", 3),
            (["--", "head", "-n", "1"], text, r"\A0\n\Z", 0),
            (["--", "true"], text, r"\A\Z", 0)):
        with subtest(" ".join(arguments)):
            done = subprocess.run([BOOT_VM, "--device", "none", *arguments], input=given,
                                  text=True, capture_output=True, timeout=LIMIT)
            assert done.returncode == status, done.stderr
            assert re.search(said, done.stdout)


def test_input_that_never_ends_holds_nothing() -> None:
    with subprocess.Popen([BOOT_VM, "--device", "none", "--", "echo", "done"], text=True,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.read() == "done\n"
        assert process.wait(LIMIT) == 0


def test_a_lost_wake_up_fails(subtest: Subtests) -> None:
    for plan, said in (("doorbell=5", "never seen by the device: lost doorbell"),
                       ("interrupt=5", "lost interrupt"),
                       ("doorbell=500", r"nothing was dropped: only \d+ doorbells arrived")):
        with subtest(plan):
            run = boot_vm("--drop", plan, "--", "bell", "ring", "--count", "20", "--recover", "off")
            assert run.returncode == 1, run.stderr
            assert re.search(said, run.stderr)


def test_a_warning_of_the_kernel_fails() -> None:
    warn = ("--device", "none", "--", "sh", "-c", "echo 'WARNING: at home' >/dev/kmsg; sleep 0.2")
    run = boot_vm(*warn)
    assert run.returncode == 1, run.stderr
    assert "ended with 0, but the guest's kernel complained once" in run.stderr
    assert boot_vm("--lenient", *warn).returncode == 0


def test_what_it_writes(folder: Path) -> None:
    junit, facts, kept = (folder / name for name in ("j.xml", "f.json", "run"))
    report = r"echo no b there >/dev/kmsg; printf " \
             r"'KTAP version 1\n1..3\nok 1 a\nnot ok 2 b\nok 3 c # SKIP no d\n'"
    run = boot_vm("--device", "none", "--junit", f"{junit}", "--json", f"{facts}", "--run-dir",
                  f"{kept}", "--", "sh", "-c", f"{report} >/run/bellwire/results")
    assert run.returncode == 1, run.stderr
    assert f"all that was kept of the run: {kept}" in run.stderr
    assert re.search(r"(?m)^bellwire: console: \[.*\] no b there$", run.stderr)
    assert facts.read_text() == (kept / "result.json").read_text()
    found = {case.get("name"): outcome(case) for case in xml.parse(junit).iter("testcase")}
    assert found == {"the command ends well": "pass", "a": "pass", "b": "failure", "c": "skipped"}
    again = boot_vm("--device", "none", "--run-dir", f"{kept}", "--", "true")
    assert again.returncode == 125
    assert "has files" in again.stderr


def outcome(case: Any) -> str:
    return next((child.tag for child in case if child.tag in ("failure", "skipped")), "pass")
