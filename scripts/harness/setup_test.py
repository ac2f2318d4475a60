# SPDX-License-Identifier: BSD-3-Clause
"""What scripts/setup remembers, so that the next script need not look for each package again."""

import os
import subprocess
import tempfile
import unittest
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[1]


class Remembered(unittest.TestCase):
    def setUp(self) -> None:
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.environment = {name: value for name, value in os.environ.items()
                            if name != "BELLWIRE_SETUP"} | {"BELLWIRE_BUILD": place.name}
        self.seen = Path(place.name) / "installed.run"

    def setup(self) -> None:
        subprocess.run([SCRIPTS / "setup"], env=self.environment, check=True)

    def all_installed(self) -> bool:
        asked = subprocess.run(
            ["sh", "-euc", '. "${0%/*}/harness/enter"; all_installed', SCRIPTS / "setup"],
            env=self.environment)
        return asked.returncode == 0

    def test_nothing_is_remembered_before_it_has_looked(self) -> None:
        self.assertFalse(self.all_installed())

    def test_it_remembers_that_nothing_was_missing(self) -> None:
        self.setup()
        self.assertTrue(self.all_installed())

    def test_packages_that_came_or_went_make_it_look_again(self) -> None:
        self.setup()
        os.utime(self.seen, (1, 1))
        self.assertFalse(self.all_installed())

    def test_a_build_folder_from_another_machine_makes_it_look_again(self) -> None:
        self.setup()
        with self.seen.open("a") as seen:
            seen.write("/var/lib/dpkg/info/a-package-of-that-machine.list\n")
        self.assertFalse(self.all_installed())

    def test_a_build_folder_that_cannot_be_written_costs_only_the_memory(self) -> None:
        self.environment["BELLWIRE_BUILD"] = "/proc/none"
        self.setup()
        self.assertFalse(self.all_installed())


if __name__ == "__main__":
    unittest.main()
