# SPDX-License-Identifier: BSD-3-Clause
"""What scripts/setup installs, and what it remembers, so that the next script need not look for each
package again."""

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
            ["sh", "-euc", 'self=$0; . "${0%/*}/harness/enter"; all_installed', SCRIPTS / "setup"],
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


# A user without rights, on a machine that lacks $ABSENT, and whose Debian doesn't have $UNKNOWN.
MACHINE = {
    "id": "echo 1000",
    "sudo": "exit 1",
    "dpkg-query": """shift 3; for name; do
        case " $ABSENT " in *" $name "*) ;; *) echo "installed $name" ;; esac; done""",
    "apt-cache": """case " $UNKNOWN " in *" $2 "*) found='(none)' ;; *) found=1 ;; esac
        printf '%s:\\n  Candidate: %s\\n' "$2" $found""",
}


class Missing(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        for name, script in MACHINE.items():
            (self.folder / name).write_text(f"#!/bin/sh\n{script}\n")
            (self.folder / name).chmod(0o755)

    def said(self, absent: str, unknown: str = "", system: str = "ID=debian") -> str:
        (self.folder / "os-release").write_text(system)
        environment = os.environ | {"PATH": f"{self.folder}:{os.environ['PATH']}", "ABSENT": absent,
                                    "UNKNOWN": unknown, "BELLWIRE_BUILD": str(self.folder),
                                    "BELLWIRE_OS_RELEASE": str(self.folder / "os-release")}
        environment.pop("BELLWIRE_SETUP", None)
        done = subprocess.run([SCRIPTS / "setup"], env=environment, stderr=subprocess.PIPE, text=True)
        self.assertEqual(done.returncode, bool(done.stderr))
        return done.stderr.split("\n")[0]

    def test_one_of_two_is_enough(self) -> None:
        self.assertEqual(self.said("libelf1"), "")
        self.assertEqual(self.said("libelf1t64"), "")

    def test_of_two_the_first_that_there_is_gets_installed(self) -> None:
        both = "libelf1 libelf1t64"
        self.assertEqual(self.said(both), "setup: missing: libelf1 ")
        self.assertEqual(self.said(both, "libelf1"), "setup: missing: libelf1t64 ")
        self.assertEqual(self.said(both, both), "setup: missing: libelf1 ")

    def test_another_system_is_named_where_something_is_missing(self) -> None:
        ubuntu = 'ID=ubuntu\nPRETTY_NAME="Ubuntu 24.04.1 LTS"\n'
        self.assertEqual(self.said("", system=ubuntu), "")
        self.assertEqual(self.said("make", system=ubuntu), "setup: this is Ubuntu 24.04.1 LTS: tried on "
                         "Debian 12 and 13 only; docs/systems.md says what differs")


if __name__ == "__main__":
    unittest.main()
