# SPDX-License-Identifier: BSD-3-Clause
import contextlib
import io
import tempfile
import unittest
from pathlib import Path
from types import SimpleNamespace

from bellwire.commands import demo, demo_net, demo_rings
from bellwire.commands.demo_frame import Frame

PING = """PING 10.9.0.1 (10.9.0.1): 56 data bytes

--- 10.9.0.1 ping statistics ---
200 packets transmitted, 199 packets received, 0% packet loss
round-trip min/avg/max = 0.382/1.523/12.410 ms
"""


class DemoTest(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))

    def refused(self, *words: str) -> str:
        said = io.StringIO()
        with contextlib.redirect_stderr(said), self.assertRaises(SystemExit) as caught:
            demo.main(words)
        self.assertEqual(caught.exception.code, 2)
        return said.getvalue()

    def test_what_the_demo_of_a_disk_does_not_have(self) -> None:
        for words in (("--count", "5"), ("--trace", str(self.folder / "trace")),
                      ("--fault", "drop doorbell 5")):
            said = self.refused("--transport", "vhost-user", *words)
            self.assertIn(f"{words[0]}: the demo of vhost-user has no rings of ours", said)
        self.assertIn("--count 0: choose 1 to", self.refused("--count", "0"))

    def test_what_ping_counted(self) -> None:
        stdout = self.folder / "stdout"
        vm = SimpleNamespace(stdout=SimpleNamespace(path=stdout))
        for said, row in ((PING, [200, 199, 0.382, 1.523, 12.41]), ("ping: no route\n", [])):
            stdout.write_text(said)
            self.assertEqual(demo_net.counted(vm), row)  # type: ignore[arg-type]

    def test_the_figures_of_rings_are_explained(self) -> None:
        def run(depth: int, rings: int, doorbells: int) -> dict[str, int]:
            return {"depth": depth, "rings": rings, "doorbells": doorbells, "interrupts": 7}

        said = demo_rings.explanation([run(1, 1000, 1000), run(64, 2000, 31)])
        self.assertIn("1,000 rings took 1,000 doorbells: each had one", said[0])
        self.assertIn("With 64 under way, 2,000 took 31 doorbells and 7 interrupts", said[1])
        self.assertIn("still awake", demo_rings.explanation([run(1, 1000, 990)])[0])

    def test_the_closing_line(self) -> None:
        frame = Frame("vhost-user", None, "7.2", self.folder)  # type: ignore[arg-type]
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            self.assertEqual(frame.close([], "nothing lost"), 0)
            self.assertEqual(frame.close(["one is lost"], "nothing lost"), 1)
        self.assertEqual(out.getvalue(), f"\nAll is well: nothing lost. Logs: {self.folder}\n")
        self.assertIn("  one is lost\n", err.getvalue())
