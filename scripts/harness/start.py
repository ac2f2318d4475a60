# SPDX-License-Identifier: BSD-3-Clause
"""Runs a module of the harness as a program: `start.py MODULE ARGUMENT…`.

Every failure becomes one line on stderr and exit status 125 here. The traceback of a fault of the
scripts is kept in the build folder.
"""

import contextlib
import os
import runpy
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

SCRIPTS = Path(__file__).absolute().parents[1]
# Where the packages bellwire and vmtests are. An installed bellwire has these scripts in itself.
PYTHON = ((SCRIPTS / "python", SCRIPTS) if (SCRIPTS / "python").is_dir() else
          (SCRIPTS.parents[2],))
FAILED = 125  # exit status if the module itself failed


def reopen() -> None:
    """Opens the standard descriptors that are closed, since the next file that is opened would take
    their place. stdin is empty then, writing to stdout still fails, and stderr is lost."""
    for fd, flags in ((0, os.O_RDONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(fd)
        except OSError:
            opened = os.open(os.devnull, flags)
            if opened != fd:
                os.dup2(opened, fd)
                os.close(opened)
    for name, fd, mode in (("stdin", 0, "r"), ("stderr", 2, "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(fd, mode, encoding="utf-8", errors="backslashreplace",
                                    closefd=False))


def guarded(work: Callable[[], int | None]) -> int:
    """Returns the status of `work`, or FAILED after a line that says why."""
    from bellwire.core import messages, stdio

    stdio.take_stdout()
    try:
        try:
            status = work() or 0
        except SystemExit as ended:  # argparse's, and a signal's
            status = _status(ended)
        sys.stdout.flush()
        return status
    except stdio.ReaderGone:
        return 128 + signal.SIGPIPE
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except Exception as error:
        return _fail(error, messages)
    finally:
        stdio.end_stdout()


def _status(ended: SystemExit) -> int:
    return ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1


def _fail(error: Exception, messages: ModuleType) -> int:
    from bellwire.core.places import AlreadySaid, HarnessError

    if not isinstance(error, AlreadySaid):
        kept = "" if isinstance(error, (HarnessError, OSError)) else _keep(error)
        messages.say(f"{messages.reason(error)}{kept}")
    return FAILED


def _keep(error: Exception) -> str:
    """Keeps the traceback of an unexpected error; returns where it is."""
    from bellwire.core.places import BUILD

    text = "".join(traceback.format_exception(error))
    try:
        path = BUILD / "traceback.log"
        path.write_bytes(text.encode(errors="surrogateescape"))
        return f": a fault of the scripts; please report it with {path}"
    except OSError:
        return f": a fault of the scripts; please report it with {text.splitlines()[-2].strip()}"


def end_building() -> None:
    """Ends the build that harness/enter began, if nobody waited for it."""
    building = os.environ.pop("BELLWIRE_BUILDING", "").split()
    if building:
        with contextlib.suppress(ProcessLookupError, ChildProcessError):  # it has ended already
            os.kill(int(building[0]), signal.SIGTERM)
            os.waitpid(int(building[0]), 0)


def main() -> int:
    reopen()
    sys.path[:1] = map(str, PYTHON)
    os.environ["PYTHONPATH"] = os.pathsep.join(map(str, PYTHON))
    module = sys.argv[1]
    del sys.argv[1]

    def run() -> None:
        runpy.run_module(f"bellwire.{module}", run_name="__main__", alter_sys=True)

    try:
        return guarded(run)
    finally:
        end_building()


if __name__ == "__main__":
    sys.exit(main())
