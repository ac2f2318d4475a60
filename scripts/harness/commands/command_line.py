# SPDX-License-Identifier: BSD-3-Clause
"""What the commands share: signals that end them, their parsers, and checks of their options."""

import argparse
import re
import signal
import sys
import textwrap
from typing import NoReturn

from bellwire.image import kernel


def exit_on_signals() -> None:
    """Makes signals exit with the status that a shell reports, after the stack's clean-up."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))


WIDTH = 80  # columns of a help text


class Help(argparse.HelpFormatter):
    """Fills paragraphs, and leaves what is indented as it is."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=WIDTH)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        paragraphs = re.split(r"\n\s*\n", text.strip("\n"))
        return "\n\n".join(paragraph if re.search(r"^ ", paragraph, re.MULTILINE)
                           else textwrap.fill(paragraph, width, break_on_hyphens=False)
                           for paragraph in paragraphs)


class Parser(argparse.ArgumentParser):
    """One whose errors are one line, as all of ours are."""

    def __init__(self, name: str, description: str | None, epilog: str = "",
                 usage: str | None = None) -> None:
        super().__init__(prog=name, description=description, epilog=epilog, usage=usage,
                         formatter_class=Help, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"bellwire: {self.prog}: {message}; see {self.prog} --help\n")


def parser(name: str, description: str | None, epilog: str = "") -> Parser:
    return Parser(name, description, epilog)


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
