# SPDX-License-Identifier: BSD-3-Clause
import json
import subprocess
import unittest
from pathlib import Path
from types import SimpleNamespace

from bellwire.labs.lab import shell_script
from bellwire.vms.plugs import IvshmemPlug, VfioUserPlug, VhostUserPlug

ODD = "/tmp/bell, \"wire\" 'x' $y \\z"


class ScriptTest(unittest.TestCase):
    """What a shell makes of it, with printf in QEMU's place."""

    def run_script(self, private: str, *arguments: str, process: list[str] | None = None
                   ) -> list[str]:
        vm = SimpleNamespace(line=[["printf", "%s\\n"], list(arguments)])
        processes = [SimpleNamespace(argv=process, socket=None)] if process else []
        text = shell_script(vm, Path(private), processes)  # type: ignore[arg-type]
        done = subprocess.run(["sh"], input=text, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.stderr, "")
        return done.stdout.splitlines()

    def test_the_private_folder_is_the_scripts_own(self) -> None:
        for private in ("/tmp/a-run", ODD):
            socket = Path(private, "socket")
            plugs = [IvshmemPlug(0, socket, 8), VfioUserPlug(0, socket),
                     VhostUserPlug(0, socket, {"driver": "virtio-net-pci"}, netdev=True)]
            for plug in plugs:
                with self.subTest(plug.__class__.__name__, private=private):
                    said = "\n".join(self.run_script(private, *plug.arguments()))
                    self.assertRegex(said, r"/tmp/bellwire-\w{6}/socket")
                    self.assertNotIn(private, said)
                    self.assertNotIn("$", said)

    def test_json_is_still_json(self) -> None:
        plug = VfioUserPlug(0, Path(ODD, "card0"))
        device = json.loads(self.run_script(ODD, *plug.arguments())[1])
        self.assertRegex(device["socket"]["path"], r"\A/tmp/bellwire-\w{6}/card0\Z")

    def test_other_words_stay_as_they_are(self) -> None:
        words = ["a b", "", "$HOME", "it's", "\"quoted\"", "*"]
        self.assertEqual(self.run_script("/tmp/a-run", *words), words)

    def test_nothing_stays(self) -> None:
        (word,) = self.run_script("/tmp/a-run", "/tmp/a-run/x", process=["sleep", "4321"])
        self.assertFalse(Path(word).parent.exists())
