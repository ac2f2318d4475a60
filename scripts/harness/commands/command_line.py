# SPDX-License-Identifier: BSD-3-Clause
"""What the commands share: signals that end them, their parsers, and checks of their options."""

import argparse
import signal
import sys

from harness.image import kernel


def exit_on_signals() -> None:
    """Makes signals exit with the status that a shell reports, after the stack's clean-up."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))


def parser(name: str, description: str | None, epilog: str = "") -> argparse.ArgumentParser:
    return argparse.ArgumentParser(prog=name, description=description, epilog=epilog,
                                   formatter_class=argparse.RawDescriptionHelpFormatter)


def add_kernel(of: argparse.ArgumentParser) -> None:
    of.add_argument("--kernel", metavar="V", choices=kernel.VERSIONS, default=kernel.DEFAULT,
                    help=f"{' or '.join(kernel.VERSIONS)}, of Debian (default: {kernel.DEFAULT})")


def check_number(of: argparse.ArgumentParser, options: argparse.Namespace, name: str, low: int,
                 high: int) -> None:
    """Exits if the option's value is out of range. None, for no value, passes."""
    value = getattr(options, name)
    if value is not None and not low <= value <= high:
        of.error(f"--{name} {value}: choose {low} to {high}")


def check_folders(of: argparse.ArgumentParser, options: argparse.Namespace, *names: str) -> None:
    """Exits if a file that an option names would be written to a folder that does not exist."""
    for name in names:
        path = getattr(options, name)
        if path and not path.absolute().parent.is_dir():
            of.error(f"--{name} {path}: its folder does not exist")
