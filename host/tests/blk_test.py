# SPDX-License-Identifier: BSD-3-Clause
"""`bellwire device blk`: what it says to a disk that can't be one, and whom it keeps out."""

import os
import signal
import subprocess
import tempfile
import unittest
from pathlib import Path

from program import PROGRAM, SLOWER, Checked, pipe

PATIENCE = 20 * SLOWER
FAILED = (1, 2)  # 2: what was typed is wrong


class BlkTest(Checked):
    def setUp(self) -> None:
        super().setUp()
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.socket = self.folder / "socket"
        self.disk = self.folder / "disk"
        self.disk.write_bytes(bytes(1 << 20))

    def arguments(self, *options: str, device: str = "blk") -> list[str]:
        return [str(PROGRAM), "--log-level=info", "device", device, "--on",
                f"vhost-user:{self.socket}", *options]

    def refused(self, *options: str, device: str = "blk") -> str:
        """The one line that it says."""
        done = subprocess.run(self.arguments(*options, device=device), text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE)
        self.assertIn(done.returncode, FAILED, done.stderr)
        lines = done.stderr.splitlines()
        self.assertEqual(len(lines), 1, lines)
        return lines[0]

    def start(self, *options: str) -> subprocess.Popen[str]:
        """Returns once it serves."""
        process = subprocess.Popen(self.arguments(*options), text=True, stderr=subprocess.PIPE)
        self.addCleanup(process.wait, PATIENCE)
        self.addCleanup(process.kill)
        self.addCleanup(pipe(process.stderr).close)
        self.until(process, "is served on")
        return process

    def until(self, process: subprocess.Popen[str], words: str) -> None:
        for line in pipe(process.stderr):
            if words in line:
                return
        self.fail(f"it ended with status {process.wait(PATIENCE)} and never said '{words}'")

    def test_a_disk_is_a_file_or_memory(self) -> None:
        self.assertIn("blk needs a disk: --file FILE, or --size BYTES", self.refused())
        self.assertIn("a disk has one of them", self.refused("--file", "x", "--size", "1M"))
        self.assertIn("would stay empty", self.refused("--size", "1M", "--read-only"))
        self.assertIn("say how large with --size", self.refused("--file", str(self.disk), "--null"))
        self.assertIn("choose a multiple of 512", self.refused("--size", "1000"))
        self.assertIn("--serial: rng has no such option",
                      self.refused("--serial", "x", device="rng"))
        self.assertIn("choose one of up to 20", self.refused("--size", "1M", "--serial", 21 * "x"))

    def test_a_file_that_is_no_disk_is_named_with_the_remedy(self) -> None:
        missing = self.folder / "missing"
        self.assertIn(f"create it with: truncate -s 1G '{missing}'",
                      self.refused("--file", str(missing)))
        os.truncate(self.disk, 1000)
        self.assertIn("has 1000 bytes, which is not a multiple of 512",
                      self.refused("--blk-file", str(self.disk)))
        self.assertIn("is no file and no block device", self.refused("--file", "/dev/null"))

    def test_a_disk_has_one_writer(self) -> None:
        writer = self.start("--file", str(self.disk))
        self.assertIn(f"another process uses the disk '{self.disk}'",
                      self.refused("--file", str(self.disk), "--read-only"))
        writer.kill()  # its locks go with it
        writer.wait(PATIENCE)
        self.socket = self.folder / "another"
        self.start("--file", str(self.disk), "--read-only")

    def test_a_signal_makes_it_look_at_its_file(self) -> None:
        process = self.start("--file", str(self.disk))
        os.truncate(self.disk, 2 << 20)
        process.send_signal(signal.SIGUSR1)
        self.until(process, f"the disk '{self.disk}' has 4096 sectors now")
        process.terminate()
        self.assertEqual(process.wait(PATIENCE), 0)


if __name__ == "__main__":
    unittest.main()
