# SPDX-License-Identifier: BSD-3-Clause
"""Writes the table of docs/explore.md, of what holds in every order, from a run."""

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from bellwire.commands import command_line
from bellwire.core.places import PROGRAM, ROOT, replace_file
from bellwire.report import marked

DOC = ROOT / "docs/explore.md"


def main(argv: Sequence[str]) -> int:
    command_line.parser("explore-table", __doc__).parse_args(argv)
    run = subprocess.run([PROGRAM, "explore", "--json"], stdout=subprocess.PIPE, check=True)
    text = marked.replaced(DOC.read_text(), "explore", table(json.loads(run.stdout)))
    replace_file(DOC, text.encode())
    return 0


def table(scenes: list[dict[str, Any]]) -> str:
    rows = [["scene", "what holds", "orders", "all", "seconds"], ["---", "---", "--:", "---", "--:"],
            *([f"`{scene['scene']}`", scene["promise"], f"{scene['runs']:,}",
               "yes" if scene["exhausted"] else "no", f"{scene['seconds']:.1f}"]
              for scene in scenes)]
    return "".join(f"{marked.row(cells)}\n" for cells in rows)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
