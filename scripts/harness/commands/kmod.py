# SPDX-License-Identifier: BSD-3-Clause
"""Builds the modules of a folder for a guest's kernel, and prints their paths.

The folder has a Kbuild or a Makefile, as kernel modules out of tree do:  obj-m := mine.o
Load them with:  boot-vm --insmod FILE.ko[:PARAMETERS] -- COMMAND
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from bellwire.commands import command_line
from bellwire.image import kbuild, kernel


def main(argv: Sequence[str]) -> int:
    parser = command_line.parser("kmod", __doc__)
    parser.add_argument("folder", metavar="DIR", type=Path, help="where the sources are")
    command_line.add_kernel(parser)
    options = parser.parse_args(argv)
    for path in kbuild.modules(kernel.get(options.kernel), options.folder):
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
