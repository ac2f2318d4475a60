# SPDX-License-Identifier: BSD-3-Clause
"""Unpacks a newer QEMU than the machine's into the build folder, and prints its path.

It needs no root and changes nothing in the system. The first run fetches 47 MB;
remove the folder build/qemu-toolbox to fetch a newer QEMU.
"""

import sys
from collections.abc import Sequence

from bellwire.commands import command_line
from bellwire.vms import toolbox


def main(argv: Sequence[str]) -> int:
    command_line.parser("qemu-toolbox", __doc__).parse_args(argv)
    print(toolbox.get())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
