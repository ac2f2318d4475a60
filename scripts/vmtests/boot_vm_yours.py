# SPDX-License-Identifier: BSD-3-Clause
"""What scripts/boot-vm does with devices, folders and input of the user's own, and what it writes."""

import os
import signal
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as xml
from pathlib import Path
from typing import Any

from bellwire.core.places import BUILD, PROGRAM
from bellwire.image import build, kernel
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


class Yours(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="b")))

    def test_a_program_that_serves_a_device(self) -> None:
        build.programs("idio16")
        run = boot_vm("--transport", "vfio-user", "--serve", f"{IDIO16} --on vfio-user:{{socket}}", "--", "sh", "-c",
                      "cat /sys/bus/pci/devices/0000:01:00.0/device")
        self.assertEqual((run.returncode, run.stdout), (0, "0x0dc8\n"), run.stderr)
        self.assertEqual(run.result["devices"], [])
        (served,) = run.result["served"]
        self.assertEqual((served["command"][0], served["log"], served["starts"], served["status"]),
                         (str(IDIO16), "serve-0.log", 1, 0))

    def test_one_that_is_restarted_on_demand(self) -> None:
        build.programs("idio16")
        run = self.restarted("vfio-user", f"{IDIO16} --on vfio-user:{{socket}}", "echo again")
        self.assertEqual((run.returncode, run.stdout), (0, "again\n"), run.stderr)
        self.assertEqual([served["starts"] for served in run.result["served"]], [2])

    def restarted(self, transport: str, serve: str, then: str) -> promises.Completed:
        """A run that gets SIGUSR1; the guest sees its device go and come, and does `then`."""
        events = 'cd /sys/bus/pci/devices; echo up; until [ ! -e 0000:01:00.0 ]; do usleep 9000; done; ' \
                 f'until [ -e 0000:01:00.0 ]; do usleep 9000; done; {then}'
        with subprocess.Popen([BOOT_VM, "--transport", transport, "--serve", serve,
                               "--", "sh", "-c", events], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert process.stdout
            self.assertEqual(process.stdout.readline(), "up\n")
            process.send_signal(signal.SIGUSR1)
            stdout, stderr = process.communicate(timeout=LIMIT)
        return promises.Completed(process.pid, process.returncode, stdout, stderr)

    def test_one_behind_a_front_end_that_is_restarted(self) -> None:
        rng, card = "head -c 4 /dev/hwrng", "cat /sys/class/net/eth0/address"
        for transport, kind, connect, there in (
                ("vhost-user", "rng", "", rng), ("vhost-user", "net", "", card),
                ("vhost-user,reconnect=1", "rng", "", rng),
                ("vhost-user,server=1", "rng", ",connect=1", rng)):
            with self.subTest(transport=transport, kind=kind):
                run = self.restarted(
                    transport, f"{kind}={PROGRAM} device {kind} --on vhost-user:{{socket}}{connect}",
                    f"until {there}; do usleep 9000; done >/dev/null; echo again")
                self.assertEqual((run.returncode, run.stdout), (0, "again\n"), run.stderr)
                self.assertEqual([served["starts"] for served in run.result["served"]], [2])

    def test_programs_behind_front_ends(self) -> None:
        disk = self.folder / "disk"
        disk.write_bytes(b"hello" + bytes(4091))
        for words, ends in (("vhost-user", "--socket-path {socket}"),
                            ("vhost-user,server=1", "--on vhost-user:{socket},connect=1")):
            with self.subTest(words):
                run = boot_vm("--transport", words, "--serve",
                              f"blk={PROGRAM} device blk --file {disk} {ends}", "--device", "rng",
                              "--", "head", "-c", "5", "/dev/vda")
                self.assertEqual((run.returncode, run.stdout), (0, "hello"), run.stderr)

    def test_programs_that_do_not_serve(self) -> None:
        mute = self.folder / "mute.py"
        mute.write_text(MUTE)
        for program, said, why in (
                (f"{sys.executable} -c 'print(6*7); exit(3)' {{socket}}", "42", "ended with 3, as above"),
                ("false {socket}", None, "ended with 1, and said nothing"),
                (f"{sys.executable} {mute} {{socket}}", "that is too much", "ended with 1, as above")):
            with self.subTest(program):
                run = boot_vm("--transport", "vfio-user", "--serve", program, "--", "true")
                self.assertEqual((run.returncode, run.stdout), (125, ""), run.stderr)
                self.assertIn(why, run.stderr)
                if said:
                    self.assertRegex(run.stderr, rf"(?m)^bellwire: --serve 0 \(\S+\): {said}$")

    def test_programs_at_the_wrong_end_of_their_socket(self) -> None:
        served = f"blk={PROGRAM} device blk --size 1M --on vhost-user:{{socket}}"
        takes_over = self.folder / "takes_over.py"  # what stands there, as some programs do
        takes_over.write_text(f"import os, sys\nos.unlink(sys.argv[1])\n{MUTE}")
        for words, program, why in (
                ("vhost-user", f"{served},connect=1", "add server=1 to the --transport"),
                ("vhost-user,reconnect=1", f"{served},connect=1", "add server=1 to the --transport"),
                ("vhost-user,server=1", served, "ended with 1, .* leave server=1 out"),
                ("vhost-user,server=1", f"blk={sys.executable} {takes_over} {{socket}}",
                 "listens at .* leave server=1 out")):
            for how in ((), ("--cold",)):
                with self.subTest(words, program=program, how=how):
                    run = boot_vm("--transport", words, "--serve", program, *how, "--", "true")
                    self.assertEqual((run.returncode, run.stdout), (125, ""), run.stderr)
                    self.assertRegex(run.stderr, rf"(?m)^bellwire: --serve 0 \(\S+\) .*{why}")

    def test_folders_there_and_back(self) -> None:
        for name in ("one", "two"):
            (self.folder / name).mkdir()
            (self.folder / name / "file").write_text(f"{name}\n")
        out = self.folder / "a 'folder'"
        run = boot_vm("--device", "none", "--share", f"{self.folder}/one", "--share",
                      f"{self.folder}/two:second", "--out", f"{out}", "--", "sh", "-c",
                      "cat /share/file /share/second/file; mkdir /out/inner; ln -s inner /out/link; "
                      "echo found >/out/inner/file; chmod 600 /out/inner/file; exit 3")
        self.assertEqual((run.returncode, run.stdout), (3, "one\ntwo\n"), run.stderr)
        self.assertEqual((out / "link/file").read_text(), "found\n")
        self.assertEqual((out / "inner/file").stat().st_mode & 0o777, 0o600)
        self.assertEqual(sorted(os.listdir(out)), ["inner", "link"])
        run = boot_vm("--device", "none", "--out", f"{out}", "--", "sh", "-c",
                      "echo new >/out/inner; ln -s /nonexistent /out/other")
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertEqual((out / "link").read_text(), "new\n")  # the name, not what it led to
        self.assertEqual(os.readlink(out / "other"), "/nonexistent")

    def test_what_was_written_before_a_panic_comes_back(self) -> None:
        run = boot_vm("--device", "none", "--out", f"{self.folder}/out", "--", "sh", "-c",
                      f"echo early >/out/file; sleep 4; {PANIC}; sleep 60")
        self.assertEqual(run.returncode, 255, run.stderr)
        self.assertEqual((self.folder / "out/file").read_text(), "early\n")

    def test_a_disk_and_a_network_of_qemus(self) -> None:
        disk = self.folder / "disk"
        disk.write_bytes(bytes(1 << 20))
        run = boot_vm("--device", "none", "--disk", f"{disk}", "--net", "user", "--kernel",
                      "6.1-generic", "--", "sh", "-c",
                      "echo hello >/dev/vda; sync; cat /sys/block/vda/serial; echo; "
                      "ip -4 -o addr show | tail -1; ip route")
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertRegex(run.stdout, r"\Abellwire-disk0\n\d+: eth0 +inet 10\.0\.2\.15/24 .*\n"
                                     r"default via 10\.0\.2\.2 dev eth0 *\n")
        self.assertEqual(disk.read_bytes()[:6], b"hello\n")

    def test_a_kernel_of_ones_own(self) -> None:
        base = kernel.get("6.12")
        kernel.mend_build_link(base)
        run = boot_vm("--kernel-image", f"{base.image}", "--modules", f"{base.modules.parent}",
                      "--", "sh", "-c", "uname -r; bell ring --count 10 >/dev/null")
        self.assertEqual((run.returncode, run.stdout), (0, f"{base.release}\n"), run.stderr)
        run = boot_vm("--kernel-image", f"{base.image}", "--", "true")
        self.assertEqual(run.returncode, 125)
        self.assertIn("--kernel-image and --modules belong together", run.stderr)

    def test_input(self) -> None:
        text = "".join(f"{number}\n" for number in range(100_000))
        for arguments, given, said, status in (
                (["--", "sh", "-c", "md5sum; echo end"], text, r"\A[0-9a-f]{32}  -\nend\n\Z", 0),
                (["--shell"], "echo $((6 * 7))\nexit 3\necho no\n", r"\A42\n\Z", 3),
                (["--", "head", "-n", "1"], text, r"\A0\n\Z", 0),
                (["--", "true"], text, r"\A\Z", 0)):
            with self.subTest(arguments):
                done = subprocess.run([BOOT_VM, "--device", "none", *arguments], input=given,
                                      text=True, capture_output=True, timeout=LIMIT)
                self.assertEqual(done.returncode, status, done.stderr)
                self.assertRegex(done.stdout, said)

    def test_input_that_never_ends_holds_nothing(self) -> None:
        with subprocess.Popen([BOOT_VM, "--device", "none", "--", "echo", "done"], text=True,
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdout
            self.assertEqual(process.stdout.read(), "done\n")
            self.assertEqual(process.wait(LIMIT), 0)

    def test_a_lost_wake_up_fails(self) -> None:
        for plan, said in (("doorbell=5", "never seen by the device: lost doorbell"),
                           ("interrupt=5", "lost interrupt"),
                           ("doorbell=500", r"nothing was dropped: only \d+ doorbells arrived")):
            with self.subTest(plan):
                run = boot_vm("--drop", plan, "--", "bell", "ring", "--count", "20")
                self.assertEqual(run.returncode, 1, run.stderr)
                self.assertRegex(run.stderr, said)

    def test_a_warning_of_the_kernel_fails(self) -> None:
        warn = ("--device", "none", "--", "sh", "-c", "echo 'WARNING: at home' >/dev/kmsg; sleep 0.2")
        run = boot_vm(*warn)
        self.assertEqual(run.returncode, 1, run.stderr)
        self.assertIn("ended with 0, but the guest's kernel complained once", run.stderr)
        self.assertEqual(boot_vm("--lenient", *warn).returncode, 0)

    def test_what_it_writes(self) -> None:
        junit, facts, kept = (self.folder / name for name in ("j.xml", "f.json", "run"))
        report = r"echo no b there >/dev/kmsg; printf " \
                 r"'KTAP version 1\n1..3\nok 1 a\nnot ok 2 b\nok 3 c # SKIP no d\n'"
        run = boot_vm("--device", "none", "--junit", f"{junit}", "--json", f"{facts}", "--run-dir",
                      f"{kept}", "--", "sh", "-c", f"{report} >/run/bellwire/results")
        self.assertEqual(run.returncode, 1, run.stderr)
        self.assertIn(f"all that was kept of the run: {kept}", run.stderr)
        self.assertRegex(run.stderr, r"(?m)^bellwire: console: \[.*\] no b there$")
        self.assertEqual(facts.read_text(), (kept / "result.json").read_text())
        found = {case.get("name"): self.outcome(case) for case in xml.parse(junit).iter("testcase")}
        self.assertEqual(found, {"the command ends well": "pass", "a": "pass", "b": "failure",
                                 "c": "skipped"})
        again = boot_vm("--device", "none", "--run-dir", f"{kept}", "--", "true")
        self.assertEqual(again.returncode, 125)
        self.assertIn("has files", again.stderr)

    def outcome(self, case: Any) -> str:
        return next((child.tag for child in case if child.tag in ("failure", "skipped")), "pass")
