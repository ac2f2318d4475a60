# SPDX-License-Identifier: BSD-3-Clause
import contextlib
import io
import os
import shutil
import tempfile
import unittest
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from unittest import mock

from bellwire.core import messages
from bellwire.image.guest_image import Image
from bellwire.vms import qemu, saved_states
from bellwire.vms.plugs import IvshmemPlug, Plug, VfioUserPlug
from bellwire.vms.qemu import VmConfig
from bellwire.vms.verdict import DEAD
from bellwire.vms.vm import SLOTS, Vm

# A QEMU and its guest in one: it boots, saves, resumes and answers as they do, and notes each
# start in $folder/starts. Devices that don't say "good" kill it.
QEMU = """#!/usr/bin/python3
import json, os, socket, sys, time
folder = FOLDER
line = sys.argv[1:]
if "--version" in line:
    sys.exit(print("QEMU emulator version 7.2"))

def tell(text):
    with open(folder + "/status", "a") as file:
        file.write(text + "\\n")

how = ("resumed" if "-incoming" in line else
       "saving" if "ringbuf,id=overlay" in line else "cold")
if any("ivshmem" in word for word in line):
    with open(folder + "/plugged", "a") as plugged:
        plugged.write(how + " line\\n")
with open(folder + "/starts", "a") as starts:
    starts.write(how + "\\n")
open(folder + "/console.log", "w").close()
memory = next((word for word in line if word.startswith("memory-backend-file,")), "")
if memory:
    path = memory.partition("mem-path=")[2].partition(",share=")[0].replace(",,", ",")
    with open(path, "r+b") as file:
        if how == "saving":
            file.truncate(1 << 20)
            file.write(b"its memory")
        elif file.read(10) != b"its memory":
            sys.exit("no memory")
if how == "cold":
    tell("ready 1")
    time.sleep(60)
tell("waiting 1" if how == "saving" else "")
fd = next(int(word.split("fd=")[1]) for word in line if word.startswith("socket,id=qmp,"))
monitor = socket.socket(fileno=fd).makefile("rw")

def answer(**what):
    monitor.write(json.dumps(what) + "\\n")
    monitor.flush()

answer(QMP={})
for request in monitor:
    command = json.loads(request)
    if command["execute"] == "migrate-incoming":
        source = command["arguments"]["uri"].removeprefix("fd:")
        if open(int(source)).read() != "good":
            sys.exit("not a state")
    if command["execute"] == "migrate":
        os.system(command["arguments"]["uri"].replace("exec:cat", "printf good"))
    if command["execute"] == "cont" and os.path.exists(folder + "/panics"):
        with open(folder + "/console.log", "w") as console:
            console.write("[    2.0] Kernel panic - not syncing: probe\\n")
        sys.exit(0)
    if command["execute"] == "device_add":
        with open(folder + "/plugged", "a") as plugged:
            plugged.write(how + "\\n")
    if command["execute"] == "cont":
        tell("prepared 1" if how == "saving" else "ready 1")
    answer(**{"return": {"status": "completed"}})
"""


class WarmTest(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.enterContext(mock.patch.dict(os.environ, XDG_CACHE_HOME=str(self.folder / "cache")))
        self.said = self.enterContext(contextlib.redirect_stderr(io.StringIO()))
        self.enterContext(mock.patch.object(messages, "SILENCE", 1000))  # on a busy machine, too
        self.fake = self.folder / "qemu"
        self.fake.write_text(QEMU.replace("FOLDER", repr(str(self.folder))))
        self.fake.chmod(0o755)
        self.base = self.folder / "base"
        self.base.write_bytes(b"base")
        self.config = VmConfig(Image("6.1.0", self.base, self.base), qemu=str(self.fake))
        qemu.version.cache_clear()

    def boot(self, config: VmConfig | None = None, plugs: Sequence[Plug] = ()) -> Vm:
        vm = self.enterContext(Vm(config or self.config, self.folder, self.base, plugs))
        self.assertIsNone(vm.boot())
        return vm

    def starts(self) -> list[str]:
        return (self.folder / "starts").read_text().split()

    def states(self) -> list[Path]:
        return list((self.folder / "cache/bellwire/states").glob("*.state"))

    def test_the_first_saves_and_all_resume(self) -> None:
        self.assertTrue(all(self.boot().resumed for _ in range(3)))
        self.assertEqual(self.starts(), ["saving", "resumed", "resumed", "resumed"])
        self.assertEqual(self.said.getvalue(), "")

    def plugged(self, *plugs: Plug) -> list[str]:
        """How two VMs got them."""
        for _ in range(2):
            self.assertTrue(self.boot(plugs=plugs).resumed)
        return (self.folder / "plugged").read_text().splitlines()

    def test_the_usual_wires_are_in_the_state(self) -> None:
        self.assertEqual(self.plugged(IvshmemPlug(0, Path("/socket"), 8, usual=True)),
                         ["saving", "resumed line", "resumed line"])

    def test_others_are_plugged_in_afterwards(self) -> None:
        usual = IvshmemPlug(0, Path("/socket"), 8, usual=True)
        self.assertEqual(self.plugged(usual, VfioUserPlug(1, Path("/socket"))), ["resumed"] * 4)

    def test_it_has_no_address_of_a_wires_memory(self) -> None:
        name, size, rest = b"\x1f0000:00:08.0:00.0/ivshmem.bar2", (4 << 20).to_bytes(8), b"config"
        for before, after in ((5 << 30, 0), (0x0a << 24, 0), (0, 0)):
            state = self.folder / "state"
            state.write_bytes(b"ram" + name + size + before.to_bytes(8) + rest)
            saved_states._forget_addresses(state)
            self.assertEqual(state.read_bytes(), b"ram" + name + size + after.to_bytes(8) + rest)

    def test_what_is_booted_always(self) -> None:
        for config in (replace(self.config, cold=True), replace(self.config, append=("x",)),
                       replace(self.config, extra=("-x",)), self.config.on("kvm")):
            with self.subTest(config):
                self.assertFalse(self.boot(config).resumed)
        self.assertEqual(set(self.starts()), {"cold"})

    def test_a_broken_state_is_dropped_with_one_warning(self) -> None:
        self.boot()
        (self.states()[0] / "devices").write_bytes(b"evil")
        self.assertFalse(self.boot().resumed)
        self.assertEqual(self.starts()[-2:], ["resumed", "cold"])
        self.assertRegex(self.said.getvalue(), r"\Abellwire: booting, .* not be resumed: not a state\n\Z")
        self.assertEqual(self.states(), [])

    def test_a_guest_that_panics_at_probe_is_no_bad_state(self) -> None:
        self.boot()
        states = self.states()
        (self.folder / "panics").touch()
        vm = self.enterContext(Vm(self.config, self.folder, self.base))
        death = vm.boot()
        assert death
        self.assertEqual(death.status, DEAD)
        self.assertIn("the guest panicked: probe", death.reason)
        self.assertEqual((self.starts()[-1], self.states()), ("resumed", states))
        self.assertEqual(self.said.getvalue(), "")

    def test_a_disk_that_is_full_is_no_bad_state(self) -> None:
        with mock.patch.object(saved_states, "making",
                               side_effect=OSError(28, "No space left", "/x")):
            self.assertFalse(self.boot().resumed)
        self.assertRegex(self.said.getvalue(), r"\Abellwire: booting, as the guest could not be "
                                               r"saved: '/x': No space left: free some[^\n]*\n\Z")

    def test_a_cache_that_is_no_plain_path(self) -> None:
        odd = self.folder / os.fsdecode(b'a b, "c" $x: \xe9')
        with mock.patch.dict(os.environ, XDG_CACHE_HOME=str(odd)):
            self.assertTrue(all(self.boot().resumed for _ in range(2)))
        self.assertEqual(self.starts(), ["saving", "resumed", "resumed"])

    def name(self) -> str:
        return saved_states.key(self.config, SLOTS)

    def test_while_another_makes_the_state_it_waits(self) -> None:
        with Vm(self.config, self.folder, self.base) as vm, ThreadPoolExecutor() as pool:
            with saved_states.making(self.name()) as making:
                self.assertTrue(making.alone())
                booting = pool.submit(vm.boot)
                state = self.folder / f"cache/bellwire/states/{self.name()}.state"
                state.mkdir()
                (state / "ram").write_text("its memory")
                (state / "devices").write_text("good")
            self.assertIsNone(booting.result())
        self.assertEqual(self.starts(), ["resumed"])

    def test_when_the_other_fails_it_makes_the_state(self) -> None:
        with Vm(self.config, self.folder, self.base) as vm, ThreadPoolExecutor() as pool:
            with saved_states.making(self.name()) as making:
                self.assertTrue(making.alone())
                booting = pool.submit(vm.boot)
            self.assertIsNone(booting.result())
        self.assertEqual(self.starts(), ["saving", "resumed"])

    def test_one_makes_a_state_at_a_time(self) -> None:
        with saved_states.making("one") as first, saved_states.making("one") as second, \
                saved_states.making("other") as other:
            self.assertEqual([making.alone() for making in (first, second, other, first)],
                             [True, False, True, True])

    def test_halves_of_processes_that_were_killed_are_removed(self) -> None:
        self.boot()
        folder = self.folder / "cache/bellwire/states"
        (folder / "left.half").touch()
        (folder / "left.unfinished").mkdir()
        with saved_states.making("locked") as making:
            self.assertTrue(making.alone())
            self.boot(replace(self.config, smp=2))
            self.assertEqual([path.name for path in folder.glob("*.half")], ["locked.half"])
        self.assertEqual([*folder.glob("*.half"), *folder.glob("*.unfinished")], [])

    def test_states_of_older_revisions_are_forgotten_too(self) -> None:
        folder = self.folder / "cache/bellwire/states"
        folder.mkdir(parents=True)
        for number in range(3):
            (folder / f"{number}.state").write_bytes(b"QEVM")
        with mock.patch.object(saved_states, "KEPT", 1):
            self.boot()
        self.assertEqual([state.is_dir() for state in self.states()], [True])

    def test_memory_that_is_shared_is_a_copy(self) -> None:
        self.boot()
        ram = self.states()[0] / "ram"
        self.assertTrue(self.boot(replace(self.config, shared_memory=True)).resumed)
        with saved_states.State(self.states()[0]) as state:
            for shared in (True, False):
                with saved_states.memory(state, shared) as found:
                    self.assertEqual(found.written, shared)
                    self.assertEqual(found.path.samefile(ram), not shared)
                    self.assertEqual(found.path.read_bytes(), ram.read_bytes())
                    self.assertEqual(found.path.stat().st_blocks, ram.stat().st_blocks)

    def test_a_cache_that_can_not_be_written_is_copied(self) -> None:
        self.boot()
        with saved_states.State(self.states()[0]) as state, \
                mock.patch.object(os, "access", return_value=False), \
                saved_states.memory(state, shared=False) as found:
            self.assertFalse(found.path.samefile(self.states()[0] / "ram"))

    def test_only_the_newest_are_kept(self) -> None:
        with mock.patch.object(saved_states, "KEPT", 3):
            for smp in range(1, 3 + 3):
                self.boot(replace(self.config, smp=smp))
        self.assertEqual(len(self.states()), 3)

    def test_the_key_changes_with_all_that_a_state_depends_on(self) -> None:
        keys = [saved_states.key(self.config, 1), saved_states.key(self.config, 2),
                saved_states.key(replace(self.config, smp=2), 1),
                saved_states.key(replace(self.config, memory=512), 1),
                *(saved_states.key(self.config, 1, kept=[IvshmemPlug(0, Path(), vectors, True)])
                  for vectors in (8, 16))]
        os.utime(self.fake, (1, 1))
        keys.append(saved_states.key(self.config, 1))
        self.base.write_text("another image")
        keys.append(saved_states.key(self.config, 1))
        self.assertEqual(len(set(keys)), len(keys))

    def test_the_key_is_the_same_for_the_same_image_elsewhere(self) -> None:
        elsewhere = self.base.with_name("of another clone")
        shutil.copyfile(self.base, elsewhere)
        image = replace(self.config.image, initramfs=elsewhere)
        self.assertEqual(saved_states.key(self.config, 1),
                         saved_states.key(replace(self.config, image=image), 1))

    def test_the_key_is_the_same_for_the_same(self) -> None:
        self.assertEqual(saved_states.key(self.config, 1),
                         saved_states.key(replace(self.config), 1))
