# SPDX-License-Identifier: BSD-3-Clause
"""Unpacks a newer QEMU than the machine's into the build folder, and prints the path of the program.

Without root, and without a change to the system; the first run fetches 47 MB. Remove the folder
build/qemu-toolbox to fetch a newer one.
"""

import argparse
import sys
from collections.abc import Sequence

from harness.vms import toolbox


def main(argv: Sequence[str]) -> int:
    argparse.ArgumentParser(prog="qemu-toolbox", description=__doc__,
                            formatter_class=argparse.RawDescriptionHelpFormatter).parse_args(argv)
    print(toolbox.get())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
