# SPDX-License-Identifier: BSD-3-Clause
import tempfile
import unittest
from argparse import Namespace

from bellwire.commands import boot_vm_options
from bellwire.core.places import HarnessError

# A wrong command line, and what its error must name.
WRONG = (
    (["--smp", "0"], "'0'"),
    (["--smp", "many"], "'many'"),
    (["--memory", "1"], "'1'"),
    (["--vectors", "33"], "'33'"),
    (["--timeout", "0"], "'0'"),
    (["--timeout", "soon"], "'soon'"),
    (["--accel", "hvf"], "'hvf'"),
    (["--kernel", "9.9"], "'9.9'"),
    (["--poll", "maybe"], "'maybe'"),
    (["--poll", "adaptive=1"], "'adaptive=1'"),
    (["--share", "/no/folder"], "'/no/folder'"),
    (["--share", "/etc/default", "--share", "/etc/default"], "DIR:NAME"),
    (["--share", "/etc/default:a", "--share", "/etc/default:a"], "/share/a"),
    (["--share", "/etc/default:../a"], "'../a'"),
    (["--drop", "kick=1"], "'kick=1'"),
    (["--drop", "doorbell=0"], "'doorbell=0'"),
    (["--drop", "interrupt=1", "--device", "none", "--", "true"], "--drop interrupt=1"),
    (["--drop", "interrupt=1", "--transport", "vfio-user", "--serve", "true {socket}"], "own --drop"),
    (["--fault", "drop interrupt 1", "--device", "none", "--", "true"], "--fault drop interrupt 1"),
    (["--fault"], "--fault"),
    (["--entries", "100"], "'100'"),
    (["--payload", "0"], "'0'"),
    (["--transport", "vhost-user", "--entries", "64", "--", "true"], "'entries=64'"),
    (["--transport", "vfio-user", "--device", "edu", "--entries", "64", "--", "true"], "entries=64"),
    (["--device", "none", "--payload", "64", "--", "true"], "payload=64"),
    (["--disk"], "--disk"),
    (["--net", "tap"], "'tap'"),
    (["--out", "/dev/null"], "'/dev/null'"),
    (["--serve", "cat"], "{socket}"),
    (["--accel", "nested", "--net", "user", "--", "true"], "--net"),
    (["--device", "none", "--device", "echo"], "none"),
    (["--shell", "--", "true"], "--shell"),
    (["--sh"], "--sh"),
    (["uname", "-r"], "uname"),
    (["--append"], "--append"),
    (["--module"], "--module"),
    (["--outer", "--", "true"], "--outer"),
    (["--accel", "nested", "--shell"], "--shell"),
    (["--transport", "carrier-pigeon"], "'carrier-pigeon'"),
    (["--device", "blk=64M"], "--transport vhost-user"),
    (["--transport", "vhost-user", "--device", "blk=/no/disk"], "'/no/disk'"),
    (["bell", "info"], "boot-vm -- bell"),
    (["--colour", "--", "true"], "--colour"),
    (["--accel", "nested", "--gdb", "--", "true"], "--gdb"),
)


class OptionsTest(unittest.TestCase):
    def parse(self, *argv: str) -> Namespace:
        return boot_vm_options.parse(["--qemu", "true", *argv])

    def test_wrong_ones_are_named_in_one_line(self) -> None:
        for argv, name in WRONG:
            with self.subTest(argv=argv), self.assertRaises(HarnessError) as caught:
                self.parse(*argv)
            self.assertIn(name, str(caught.exception))
            self.assertNotIn("\n", str(caught.exception))

    def test_defaults(self) -> None:
        found = self.parse("--", "true")
        self.assertEqual((found.device, found.timeout, found.smp), (["echo"], 60.0, 1))
        self.assertEqual(self.parse("--transport", "vhost-user", "--", "true").device, ["blk=64M"])

    def test_a_program_of_the_users_comes_without_devices_of_ours(self) -> None:
        found = self.parse("--transport", "vfio-user", "--serve", "cat {socket}", "--", "true")
        self.assertEqual((found.device, [one.argv for one in found.serve]),
                         ([], [("cat", "{socket}")]))
        self.assertEqual(self.parse("--serve", "cat {socket}", "--device", "echo", "--",
                                    "true").device, ["echo"])

    def test_a_shell_has_no_timeout(self) -> None:
        self.assertIsNone(self.parse("--shell").timeout)
        self.assertEqual(self.parse("--shell", "--timeout", "5").timeout, 5)

    def test_the_command_is_all_behind_the_first_dashes(self) -> None:
        self.assertEqual(self.parse("--", "sh", "--", "-c").command, ["sh", "--", "-c"])

    def test_words_that_begin_with_a_dash(self) -> None:
        found = self.parse("--qemu-arg", "-d", "--qemu-arg", "int", "--append", "-x")
        self.assertEqual((found.qemu_arg, found.append), (["-d", "int"], ["-x"]))

    def test_the_emulated_host_itself(self) -> None:
        found = self.parse("--accel", "nested", "--outer", "--", "true")
        self.assertEqual((found.outer, found.device), (True, []))
        self.assertEqual(self.parse("--accel", "nested", "--", "true").device, ["echo"])

    def test_an_emulated_host_does_not_have_a_disks_file(self) -> None:
        with tempfile.NamedTemporaryFile() as disk:
            disk.truncate(1024)
            words = ("--transport", "vhost-user", "--device", f"blk={disk.name}", "--", "true")
            self.assertEqual(self.parse(*words).device, [f"blk={disk.name}"])
            with self.assertRaisesRegex(HarnessError, disk.name):
                self.parse("--accel", "nested", *words)

    def test_devices_in_their_order(self) -> None:
        found = self.parse("--device", "digest", "--device", "echo")
        self.assertEqual(found.device, ["digest", "echo"])
        self.assertEqual(self.parse("--device", "none").device, [])
