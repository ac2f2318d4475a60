# SPDX-License-Identifier: BSD-3-Clause
"""Runs the suites that need no VM of QEMU's: the program `bellwire` has them."""

import json
import subprocess
import tempfile
from argparse import Namespace
from pathlib import Path

from harness.core.places import PROGRAM, HarnessError
from harness.image import prepare


def run(name: str, options: Namespace) -> dict:
    """It shows its figures itself."""
    prepare.programs("bellwire")
    rounds = ["--rounds", str(options.rounds)] if options.rounds else []
    with tempfile.TemporaryDirectory(prefix="bellwire-bench-") as folder:
        path = Path(folder, "figures.json")
        done = subprocess.run([PROGRAM, "bench", name, "--skip", options.skip, "--json", path,
                               *rounds], stdin=subprocess.DEVNULL)
        if done.returncode:
            raise HarnessError(f"bellwire bench ended with {done.returncode}, as said above")
        return json.loads(path.read_text())
