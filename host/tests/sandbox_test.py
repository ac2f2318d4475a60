# SPDX-License-Identifier: BSD-3-Clause
"""`--sandbox`: what the programs that serve peers give up, as the system sees it from outside. That they
still do all that they did is shown by every other test: without the option they are in a sandbox, too."""

import os
import shutil
import subprocess
import unittest
import urllib.request
from pathlib import Path

from program import PROGRAM, REPORTS, pipe
from programs_test import FAILED, PATIENCE, USAGE, ProgramCase, served

KINDS = ("user", "mnt", "net", "ipc", "uts")
# Runs the words behind it where nobody may have a namespace more.
WITHOUT = ("unshare", "--user", "--map-root-user", "sh", "-c",
           'echo 0 >/proc/sys/user/max_user_namespaces && exec "$@"', "sh")


def succeeds(*words: str) -> bool:
    return bool(shutil.which(words[0])) and subprocess.run(words, capture_output=True).returncode == 0


NAMESPACES = succeeds("unshare", "--user", "--map-root-user", "--mount", "--net", "true")


def status_of(process: int) -> dict[str, str]:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def shared_with(process: int) -> set[str]:
    """The kinds of namespaces in which it is with us."""
    return {kind for kind in KINDS
            if os.readlink(f"/proc/{process}/ns/{kind}") == os.readlink(f"/proc/self/ns/{kind}")}


@unittest.skipIf(REPORTS, "sanitizers make system calls of their own")
class Sandbox(ProgramCase):
    def commands(self) -> dict[str, list[str | Path]]:
        return {"switchboard": ["switchboard", "--socket", self.socket],
                "ring device": ["device", "echo", "--on", f"vfio-user:{self.socket}",
                                "--trace", self.folder / "trace.json"],
                "PCI device": ["device", "edu", "--on", f"vfio-user:{self.socket}"],
                "virtio device": ["device", "blk", "--size", "1M", "--on", f"vhost-user:{self.socket}"]}

    def serve(self, *words: str | Path) -> subprocess.Popen[str]:
        process = self.start(*words)
        self.until(lambda: served(self.socket) or process.poll() is not None)
        self.assertIsNone(process.poll(), process.poll() is not None and pipe(process.stderr).read())
        return process

    def end(self, process: subprocess.Popen[str]) -> None:
        process.terminate()
        self.assertIn(process.wait(PATIENCE), (0, FAILED))  # it may have recorded nothing
        self.assertFalse(self.socket.exists())

    @unittest.skipIf(not NAMESPACES, "no namespaces here")
    def test_what_is_left_of_the_system(self) -> None:
        for name, command in self.commands().items():
            with self.subTest(name):
                process = self.serve(*command, "--sandbox", "require")
                facts = status_of(process.pid)
                self.assertEqual((facts["Seccomp"], facts["NoNewPrivs"]), ("2", "1"))
                for kind in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
                    self.assertEqual(int(facts[kind], 16), 0, kind)
                self.assertEqual(shared_with(process.pid), set())
                root = Path(f"/proc/{process.pid}/root")
                self.assertLessEqual({each.name for each in root.iterdir()},
                                     {"proc", "dev", "etc", self.folder.parts[1], Path.cwd().parts[1]})
                self.assertTrue((root / self.socket.relative_to("/")).exists())
                self.assertFalse((root / "etc/passwd").exists())
                self.assertEqual([each.name for each in (root / "dev").iterdir()], ["null"])
                for thread in Path(f"/proc/{process.pid}/task").iterdir():
                    self.assertEqual(status_of(int(thread.name))["Seccomp"], "2")
                self.end(process)

    def test_off(self) -> None:
        for name, command in self.commands().items():
            with self.subTest(name):
                process = self.serve(*command, "--sandbox", "off")
                self.assertEqual(status_of(process.pid)["Seccomp"], status_of(os.getpid())["Seccomp"])
                self.assertEqual(shared_with(process.pid), set(KINDS))
                self.end(process)

    def test_it_is_there_without_being_asked_for(self) -> None:
        for name, command in self.commands().items():
            with self.subTest(name):
                process = self.serve(*command)
                self.assertEqual(status_of(process.pid)["Seccomp"], "2")
                self.assertEqual(shared_with(process.pid), set() if NAMESPACES else set(KINDS))
                self.end(process)

    @unittest.skipIf(not succeeds(*WITHOUT, "true"), "no namespaces here")
    def test_a_system_without_namespaces(self) -> None:
        for name, command in self.commands().items():
            with self.subTest(name):
                run = subprocess.run([*WITHOUT, PROGRAM, *command, "--sandbox", "require"],
                                     capture_output=True, text=True, timeout=PATIENCE)
                self.assert_refused(FAILED, ["--sandbox require: no namespaces: the system lets this user "
                                             "have none", "No space left", "--sandbox auto"], run)
                self.assertFalse(self.socket.exists())
        process = subprocess.Popen([*WITHOUT, PROGRAM, *self.commands()["switchboard"]], text=True)
        self.addCleanup(process.kill)
        self.until(lambda: served(self.socket))
        self.assertEqual(status_of(process.pid)["Seccomp"], "2")
        self.end(process)

    def test_a_tap_needs_the_hosts_network(self) -> None:
        run = self.run_program("device", "net", "--on", f"vhost-user:{self.socket}", "--tap", "bellwire0",
                               "--sandbox", "require")
        self.assert_refused(FAILED, ["--sandbox require: no namespaces: a tap needs the host's network",
                                     "--sandbox auto"], run)

    def test_a_wrong_word(self) -> None:
        run = self.run_program("switchboard", "--socket", self.socket, "--sandbox", "on")
        self.assert_refused(USAGE, ["--sandbox", "off", "auto", "require"], run)

    @unittest.skipIf(not NAMESPACES, "no namespaces here")
    def test_the_live_page_is_served_from_within(self) -> None:
        control = self.folder / "control"
        self.start("device", "echo", "--on", f"vfio-user:{self.socket}", "--control", control)
        self.until(lambda: served(control))
        page = subprocess.Popen([PROGRAM, "live", control, "--sandbox", "require"], text=True,
                                stdout=subprocess.PIPE)
        self.addCleanup(pipe(page.stdout).close)
        self.addCleanup(page.wait)
        self.addCleanup(page.kill)
        address = pipe(page.stdout).readline().split()[0]
        with urllib.request.urlopen(address, timeout=PATIENCE) as answer:
            self.assertIn(b"<html", answer.read())
        self.assertEqual(status_of(page.pid)["Seccomp"], "2")
        self.assertEqual(shared_with(page.pid), set())

    def test_a_folder_that_is_made_later(self) -> None:
        socket = self.folder / "later/at/socket"
        device = self.start("--log-level", "info", "device", "echo", "--on",
                            f"ivshmem:{socket},wait={PATIENCE:.0f}")
        self.until(lambda: status_of(device.pid)["Seccomp"] == "2")
        socket.parent.mkdir(parents=True)
        self.start("switchboard", "--socket", socket)
        self.assertTrue(any("echo runs on" in line for line in pipe(device.stderr)))

    @unittest.skipIf(not NAMESPACES, "no namespaces here")
    def test_links_and_relative_paths(self) -> None:
        here, there = self.folder / "here", self.folder / "there"
        here.mkdir()
        there.mkdir()
        (here / "link").symlink_to(there)
        for name in ("link/socket", "../there/socket", f"{here}/../there/socket"):
            with self.subTest(name):
                process = subprocess.Popen([PROGRAM, "switchboard", "--socket", name, "--sandbox",
                                            "require"], cwd=here)
                self.addCleanup(process.kill)
                self.until(lambda: served(there / "socket"))
                process.terminate()
                self.assertEqual(process.wait(PATIENCE), 0)
                self.assertEqual(list(there.iterdir()), [])


if __name__ == "__main__":
    unittest.main()
