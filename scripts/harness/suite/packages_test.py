# SPDX-License-Identifier: BSD-3-Clause
import re
import unittest

from bellwire.core.places import ROOT
from bellwire.suite import packages

# Clones compile often, and measure; pytest is for python3-bellwire.
OF_CLONES = {"ccache", "git", "libbenchmark-dev", "python3-pytest"}


def wanted() -> set[str]:
    lines = (ROOT / "scripts/packages").read_text().split("\n")
    return {line.split()[0] for line in lines
            if line and not line.startswith("#") and not re.search("# (test|debug):", line)}


def named(field: str, heading: str) -> set[str]:
    """What that field names in the paragraph of debian/control; alternatives count."""
    paragraphs = (ROOT / "debian/control").read_text().split("\n\n")
    paragraph = next(text for text in paragraphs if f"\n{heading}: bellwire\n" in f"\n{text}")
    found = re.search(rf"(?m)^{field}:((?:\n? .*)+)", paragraph)
    assert found, (field, heading)
    return set(re.findall(r"(?:^|[\s|])([a-z][a-z0-9.+-]+)", found[1]))


class PackagesTest(unittest.TestCase):
    def test_the_debian_package_depends_on_what_setup_installs(self) -> None:
        both = named("Build-Depends", "Source") | named("Depends", "Package")
        self.assertEqual(wanted() - OF_CLONES - both, set())

    def test_the_containerfile_is_run_line_by_line(self) -> None:
        lines = packages.container().splitlines()
        self.assertEqual(lines[0], "cd /srv/bellwire")
        self.assertIn("./scripts/setup", lines)
        self.assertTrue(any(line.endswith("python3-pytest python3-pytest-xdist") for line in lines))

    def test_a_list_that_lacks_one_is_noticed(self) -> None:
        self.assertNotIn("nosuch", named("Depends", "Package"))
        self.assertIn("liburing-dev", named("Build-Depends", "Source"))
        self.assertIn("qemu-system-x86", wanted())


if __name__ == "__main__":
    unittest.main()
