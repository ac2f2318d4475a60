# SPDX-License-Identifier: BSD-3-Clause
"""Prints the path of the headers of a guest's kernel, to build modules against by hand:

    make -C "$(scripts/kernel-headers)" M="$PWD" modules
"""

import sys
from collections.abc import Sequence
from contextlib import suppress

from bellwire.commands import command_line
from bellwire.image import kernel


def main(argv: Sequence[str]) -> int:
    parser = command_line.parser("kernel-headers", __doc__)
    command_line.add_kernel(parser)
    base = kernel.get(parser.parse_args(argv).kernel)
    with suppress(OSError):  # of a cache that others own
        kernel.mend_build_link(base)
    print(base.headers)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
