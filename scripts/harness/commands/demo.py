# SPDX-License-Identifier: BSD-3-Clause
"""Shows in one VM, in a minute, what bellwire is.

A process in the guest rings a device on the host and is rung back: five rings
step by step, then many with each of the module's workers, then many more while
the device is killed and started again. The guest checks every completion.

Over vhost-user, the device is a disk, and Linux's own driver drives it: the
guest makes a file system, and writes files and reads them back while the disk's
process is killed and started again. Then two guests ping each other through a
switch.

With --step, one ring in slow motion: at each stop the screen says where it is,
what the eventfds and the ring say at that moment, which source line comes next,
and what it does.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from bellwire.commands import command_line, demo_disk, demo_net, demo_rings, demo_step
from bellwire.commands.demo_frame import Frame
from bellwire.labs import guest_faults
from bellwire.vms import toolbox

COUNT = 10_000
TRANSPORTS = (*demo_rings.PICTURES, "vhost-user")


def main(argv: Sequence[str]) -> int:
    options = _options(argv)
    command_line.exit_on_signals()
    if options.transport == "vhost-user":
        return _virtio(options)
    picture = demo_rings.PICTURES[options.transport]
    show = demo_step.show if options.step else demo_rings.show
    return show(
        Frame.open(demo_rings.TITLE, picture, options.transport, options.qemu), options)


def _virtio(options: argparse.Namespace) -> int:
    frame = Frame.open(demo_disk.TITLE, demo_disk.PICTURE, demo_disk.TRANSPORT, options.qemu)
    parts = [demo(frame) for demo in (demo_disk.run, demo_net.run)]
    frame.write(options.json, {name: fact for part in parts for name, fact in part.facts.items()})
    return frame.close([trouble for part in parts for trouble in part.troubles],
                       "; ".join(part.all_is_well for part in parts))


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = command_line.parser("demo", __doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to FILE")
    parser.add_argument("--trace", type=Path, metavar="FILE",
                        help="record the first requests in FILE, for `bellwire trace`")
    parser.add_argument("--fault", metavar="PLAN", action="append", default=[],
                        help="what goes wrong on purpose, as boot-vm's --fault; the device isn't "
                             "killed then")
    parser.add_argument("--count", type=int, metavar="N",
                        help=f"rings per run (default: {COUNT}); the deep runs have 10 times as many")
    parser.add_argument("--step", action="store_true",
                        help="slow motion: one ring, held before each hop until a key is pressed; q "
                             "lets it run")
    parser.add_argument("--every", type=demo_step.seconds, metavar="TIME",
                        help="with --step: wait this long at each stop, such as 1s; needs no key")
    parser.add_argument("--qemu", metavar="PATH", default=toolbox.PROGRAM,
                        help="the QEMU to run, as in boot-vm")
    parser.add_argument("--transport", choices=TRANSPORTS, default="ivshmem",
                        help="how guest and device are connected (default: ivshmem)")
    options = parser.parse_args(argv)
    demo_step.refuse(parser, options)
    for name in ("trace", "count", "fault") if options.transport == "vhost-user" else ():
        if getattr(options, name) not in (None, []):
            parser.error(f"--{name}: the demo of vhost-user has no rings of ours; "
                         "choose another --transport")
    for plan in options.fault:
        if resets := [rule for rule in guest_faults.split(plan).guest if rule.action == "reset"]:
            parser.error(f"--fault '{resets[0]}': the demo's guest can't begin again; use boot-vm")
    command_line.check_number(parser, options, "count", 1, 10_000_000)
    command_line.check_folders(parser, options, "json", "trace")
    options.count = options.count or COUNT
    return options


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
