# SPDX-License-Identifier: BSD-3-Clause
import os
import subprocess
import tempfile
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest import mock

from bellwire import start
from bellwire.core import children
from bellwire.core.places import ROOT, AlreadySaid
from bellwire.image import build, guest_image


class BegunTest(unittest.TestCase):
    def setUp(self) -> None:
        self.aloud = self.enterContext(mock.patch.object(children, "run_aloud", return_value=0))
        self.enterContext(mock.patch.dict(os.environ))

    def begin(self, command: str, targets: str) -> None:
        self.process = subprocess.Popen(["sh", "-c", command])
        self.addCleanup(self.process.wait)
        os.environ["BELLWIRE_BUILDING"] = f"{self.process.pid} {targets}"

    def test_a_build_that_was_begun_is_waited_for_and_not_done_again(self) -> None:
        self.begin("exit 0", "bellwire bell")
        build.programs("bellwire", "bell")
        self.aloud.assert_not_called()
        build.programs("bellwire", "bell")  # the next one is a new one
        self.aloud.assert_called_once_with(ROOT / "scripts/build", "bellwire", "bell")

    def test_its_failure_is_one(self) -> None:
        self.begin("exit 3", "bellwire bell")
        with self.assertRaises(AlreadySaid):
            build.programs("bellwire", "bell")

    def test_one_whose_status_somebody_else_has_is_done_again(self) -> None:
        self.begin("exit 0", "bellwire bell")
        self.process.wait()
        build.programs("bellwire", "bell")
        self.aloud.assert_called_once_with(ROOT / "scripts/build", "bellwire", "bell")

    def test_two_threads_that_want_it_both_go_on(self) -> None:
        self.begin("sleep 0.3", "bellwire bell")
        with ThreadPoolExecutor(2) as pool:
            for each in [pool.submit(build.programs, "bellwire", "bell") for _ in range(2)]:
                each.result()
        self.aloud.assert_called_once_with(ROOT / "scripts/build", "bellwire", "bell")

    def test_one_that_has_ended_need_not_be_ended(self) -> None:
        self.begin("exit 0", "bellwire bell")
        self.process.wait()
        start.end_building()
        self.assertNotIn("BELLWIRE_BUILDING", os.environ)

    def test_one_of_other_targets_is_not_meant(self) -> None:
        self.begin("exec sleep 4321", "bellwire bell")
        build.programs("bell")
        self.aloud.assert_called_once_with(ROOT / "scripts/build", "bell")
        start.end_building()  # at our end, as nobody waited for it
        self.assertNotIn("BELLWIRE_BUILDING", os.environ)
        self.assertFalse(Path(f"/proc/{self.process.pid}").exists())

    def test_boot_vm_begins_the_one_that_it_waits_for(self) -> None:
        script = (ROOT / "scripts/boot-vm").read_text()
        self.assertIn(f"\nprograms='{' '.join(guest_image.PROGRAMS)}'", script)


class DigestTest(unittest.TestCase):
    def test_it_follows_the_content(self) -> None:
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.enterContext(mock.patch.object(build, "BUILD", folder / "build"))
        file = folder / "file"
        file.write_text("one")
        first = build.digest(file)
        self.assertEqual(build.digest(file), first)
        file.write_text("two")
        self.assertNotEqual(build.digest(file), first)
        file.write_text("one")
        self.assertEqual(build.digest(file), first)


if __name__ == "__main__":
    unittest.main()
