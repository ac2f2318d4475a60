# SPDX-License-Identifier: BSD-3-Clause
"""docs/glossary.md has the words that the sources use."""

import re
import unittest

from bellwire.commands import demo_rings
from bellwire.core.places import ROOT

GLOSSARY = (ROOT / "docs/glossary.md").read_text()


def found(pattern: str, path: str) -> list[str]:
    words = re.findall(pattern, (ROOT / path).read_text())
    assert words, f"{path} has nothing like {pattern}"
    return words


class GlossaryTest(unittest.TestCase):
    def test_the_hops_are_those_of_a_trace_in_their_order(self) -> None:
        stages = found(r'\{"(\w+)", BELLWIRE_(?:PROCESS|MODULE|DEVICE)\}', "vdev/trace/records.hpp")
        self.assertEqual(re.findall(r"^\| `(\w+)` \|", GLOSSARY, re.MULTILINE), stages)

    def test_what_a_hang_may_be_is_there(self) -> None:
        for cause in found(r'"((?:lost|stuck) \w+)"', "vdev/ring/hang.cpp"):
            self.assertIn(f"*{cause}*", GLOSSARY)

    def test_what_bell_and_the_demo_count_is_there(self) -> None:
        bad = ("lost", "hung", "duplicated", "corrupted")
        columns = found(r'\{"(\w+)"\}', "guest-kmod/bell/report/run_table.cpp")
        self.assertLessEqual(set(bad), set(columns))
        shown = {name: column.heading for name, column in demo_rings.COLUMNS.items() if name in bad}
        self.assertEqual(shown, {name: name for name in shown})
        for word in bad:
            self.assertIn(f"| *{word}* |", GLOSSARY)

    def test_what_a_look_replaces_has_one_name(self) -> None:
        counts = {"recovered_doorbells", "recovered_interrupts"}
        for path in ("guest-kmod/uapi/bellwire.h", "guest-kmod/bell/ring/traffic.hpp",
                     "vdev/core/transport.hpp", "vdev/ring/driver_look.hpp"):
            self.assertEqual(set(found(r"\b(recovered_\w+)", path)), counts, path)
        found(r"BELLWIRE_LABELLED\((recovered), ", "guest-kmod/module/trace.h")
        self.assertIn("| *recovered* |", GLOSSARY)
