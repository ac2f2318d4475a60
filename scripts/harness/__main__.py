# SPDX-License-Identifier: BSD-3-Clause
"""`python3 -m bellwire COMMAND ARGUMENT…` runs a command of scripts/, also from an installed package."""

import os
import sys

from bellwire.core.places import ROOT


def main() -> int:
    scripts = ROOT / "scripts"
    commands = sorted(path.name for path in scripts.iterdir()
                      if path.is_file() and os.access(path, os.X_OK))
    name, *arguments = sys.argv[1:] or ["--help"]
    if name in commands:
        os.execv(scripts / name, [name, *arguments])
    usage = f"usage: python3 -m bellwire COMMAND ARGUMENT…, with one of {', '.join(commands)}"
    if name in ("-h", "--help"):
        print(usage)
        return 0
    print(f"bellwire: there is no command '{name}'; {usage}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
