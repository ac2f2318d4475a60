# SPDX-License-Identifier: BSD-3-Clause
"""Makes the guest's image and prints where its kernel and its initramfs are."""

import sys
from collections.abc import Sequence

from bellwire.commands import command_line
from bellwire.core.places import GUEST_TOOLS
from bellwire.image import build, guest_image


def main(argv: Sequence[str]) -> int:
    parser = command_line.parser("images/build", __doc__)
    command_line.add_kernel(parser)
    version = parser.parse_args(argv).kernel
    build.programs(*(tool.name for tool in GUEST_TOOLS))
    made = guest_image.make(version)
    print(f"kernel {made.kernel}\ninitramfs {made.initramfs}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
