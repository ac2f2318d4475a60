# SPDX-License-Identifier: BSD-3-Clause
"""`--group` and `--control-group`: who may open the sockets that a program serves. As root, a program
also runs as a user of the group and as one outside of it, and such users connect."""

import os
import shutil
import socket
import stat
import subprocess
import unittest
from collections.abc import Sequence
from pathlib import Path

from program import PROGRAM, REPORTS, pipe
from programs_test import FAILED, PATIENCE, USAGE, ProgramCase, served
from sandbox_test import NAMESPACES, shared_with

USER, OWN, GROUP, OTHER = 54321, 54322, 54323, 54324  # numbers that nobody has
SANDBOXES = ("off", "auto") if REPORTS or not NAMESPACES else ("off", "auto", "require")
AS_ROOT = unittest.skipIf(os.geteuid() != 0, "only root may run programs as other users")


class Groups(ProgramCase):
    def setUp(self) -> None:
        super().setUp()
        self.control = self.folder / "control"

    def commands(self, group: str | int) -> dict[str, list[str | Path]]:
        own = ["--group", str(group)]
        return {"switchboard": ["switchboard", "--socket", self.socket, *own],
                "ring device": ["device", "echo", "--on", f"vfio-user:{self.socket}", *own],
                "PCI device": ["device", "edu", "--on", f"vfio-user:{self.socket}", *own],
                "virtio device": ["device", "rng", "--on", f"vhost-user:{self.socket}", *own],
                "back-end": ["device", "rng", "--socket-path", self.socket, *own]}

    def serve(self, *words: str | Path, program: Path = PROGRAM, user: int | None = None,
              groups: Sequence[int] | None = None) -> subprocess.Popen[str]:
        process = subprocess.Popen([program, *words], stdin=subprocess.DEVNULL, text=True,
                                   stderr=subprocess.PIPE, user=user, extra_groups=groups,
                                   group=None if user is None else OWN)
        self.addCleanup(pipe(process.stderr).close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.until(lambda: served(self.socket) or process.poll() is not None)
        self.assertIsNone(process.poll(), process.poll() is not None and pipe(process.stderr).read())
        return process

    def end(self, process: subprocess.Popen[str]) -> None:
        process.terminate()
        self.assertEqual(process.wait(PATIENCE), 0)
        self.assertEqual([each.name for each in self.folder.iterdir() if each.name != "program"], [])

    def assert_opened_by(self, path: Path, mode: int, group: int) -> None:
        status = path.stat()
        self.assertEqual((oct(stat.S_IMODE(status.st_mode)), status.st_gid), (oct(mode), group))

    def test_a_group_that_this_user_is_in(self) -> None:
        group = os.getegid()
        for sandbox in SANDBOXES:
            for name, command in self.commands(group).items():
                with self.subTest(name, sandbox=sandbox):
                    process = self.serve(*command, "--sandbox", sandbox)
                    self.assert_opened_by(self.socket, 0o660, group)
                    self.end(process)

    def test_without_it_this_user_alone(self) -> None:
        for name, command in self.commands(os.getegid()).items():
            with self.subTest(name):
                process = self.serve(*command[:-2])
                self.assert_opened_by(self.socket, 0o600, os.getegid())
                self.end(process)

    def test_two_sockets_and_the_control_socket(self) -> None:
        second = self.folder / "second"
        process = self.serve("device", "net", "--on", f"vhost-user:{second}", "--on",
                             f"vhost-user:{self.socket}", "--control", self.control, "--group",
                             str(os.getegid()))
        self.assert_opened_by(second, 0o660, os.getegid())
        self.assert_opened_by(self.socket, 0o660, os.getegid())
        self.assert_opened_by(self.control, 0o600, os.getegid())
        self.end(process)
        process = self.serve("device", "echo", "--on", f"vfio-user:{self.socket}", "--control",
                             self.control, "--control-group", str(os.getegid()))
        self.assert_opened_by(self.socket, 0o600, os.getegid())
        self.assert_opened_by(self.control, 0o660, os.getegid())
        self.end(process)

    def test_what_is_refused(self) -> None:
        on: list[str | Path] = ["device", "echo", "--on"]
        served_here: list[str | Path] = [*on, f"vfio-user:{self.socket}"]
        rows: tuple[tuple[int, list[str | Path], list[str]], ...] = (
            (FAILED, [*served_here, "--group", "no such"],
             ["--group: there is no group 'no such'", "getent group"]),
            (FAILED, ["switchboard", "--socket", self.socket, "--group", "4294967295"],
             ["--group: there is no group '4294967295'"]),
            (FAILED, [*served_here, "--control", self.control, "--control-group", "no such"],
             ["--control-group: there is no group 'no such'"]),
            (USAGE, [*on, "in-process", "--group", "0"], ["--group 0", "leave it out"]),
            (USAGE, [*on, f"ivshmem:{self.socket}", "--group", "0"], ["--group 0", "leave it out"]),
            (USAGE, ["device", "rng", "--on", f"vhost-user:{self.socket},connect=1", "--group", "0"],
             ["--group 0", "leave it out"]),
            (USAGE, [*served_here, "--control-group", "0"], ["--control-group 0", "leave it out"]))
        for status, words, named in rows:
            with self.subTest(words):
                self.assert_refused(status, named, self.run_program(*words))
                self.assertEqual(list(self.folder.iterdir()), [])

    def test_a_socket_that_is_served_already(self) -> None:
        first = self.switchboard()
        run = self.run_program(*self.commands(os.getegid())["switchboard"])
        self.assert_refused(FAILED, ["already served"], run)
        self.assertTrue(served(self.socket))
        self.end(first)

    def for_everybody(self) -> Path:
        """The program, in a folder that every user may use."""
        self.folder.chmod(0o777)
        return Path(shutil.copy(PROGRAM, self.folder / "program"))

    def connects(self, user: int, groups: Sequence[int]) -> bool:
        child = os.fork()
        if child == 0:
            try:
                os.setgroups(groups)
                os.setresgid(OTHER, OTHER, OTHER)
                os.setresuid(user, user, user)
                with socket.socket(socket.AF_UNIX) as probe:
                    probe.connect(str(self.socket))
                os._exit(0)
            except PermissionError:
                os._exit(1)
            finally:
                os._exit(2)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        self.assertIn(status, (0, 1))
        return status == 0

    @AS_ROOT
    def test_who_may_connect(self) -> None:
        self.folder.chmod(0o755)
        for sandbox in SANDBOXES:
            for name, command in self.commands(GROUP).items():
                with self.subTest(name, sandbox=sandbox):
                    process = self.serve(*command, "--sandbox", sandbox)
                    self.assert_opened_by(self.socket, 0o660, GROUP)
                    self.assertTrue(self.connects(USER, [GROUP]))
                    self.assertFalse(self.connects(USER, []))
                    self.end(process)
                    process = self.serve(*command[:-2], "--sandbox", sandbox)
                    self.assertFalse(self.connects(USER, [GROUP]))
                    self.end(process)

    @AS_ROOT
    def test_a_user_of_the_group(self) -> None:
        program = self.for_everybody()
        for sandbox in SANDBOXES:
            for name, command in self.commands(GROUP).items():
                with self.subTest(name, sandbox=sandbox):
                    process = self.serve(*command, "--sandbox", sandbox, program=program, user=USER,
                                         groups=[GROUP])
                    if sandbox == "require":
                        self.assertEqual(shared_with(process.pid), set())
                    self.assert_opened_by(self.socket, 0o660, GROUP)
                    self.assertTrue(self.connects(USER + 1, [GROUP]))
                    self.assertFalse(self.connects(USER + 1, []))
                    self.end(process)

    @AS_ROOT
    def test_a_user_outside_of_the_group(self) -> None:
        program = self.for_everybody()
        for name, command in self.commands(GROUP).items():
            with self.subTest(name):
                run = self.run_program(*command, program=program, user=USER, group=OWN,
                                       extra_groups=[OTHER])
                self.assert_refused(FAILED, [f"--group {GROUP}", str(self.socket), f"user {USER}",
                                             "add the user to it"], run)
                self.assertEqual([each.name for each in self.folder.iterdir()], ["program"])
