# SPDX-License-Identifier: BSD-3-Clause
"""The messages of the scripts on stderr: one line each, and never blocking for long.

A line that nobody reads is dropped after a while, so no run hangs on a message.
"""

import errno
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bellwire.core.places import HarnessError

STDERR = 2
SILENCE = 3.0  # seconds until waiting() says what it waits for
_patience = 2.0  # seconds for a reader to take a line
_PIECE = 4096  # bytes that a pipe takes at once when it is writable
_REMEDIES = {
    errno.ENOSPC: "free some space there",
    errno.EDQUOT: "free some space there",
    errno.EFBIG: "raise the limit (ulimit -f)",
    errno.EROFS: "use a place that can be written",
    errno.EACCES: "make it accessible to this user",
    errno.EPERM: "make it accessible to this user",
    errno.ENOENT: "is it the right path, and was all of it built?",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
    errno.ENFILE: "the machine has no more open files to give",
    errno.EAGAIN: "raise the limit of processes (ulimit -u)",
    errno.ENOMEM: "free some memory",
    errno.ENAMETOOLONG: "use a shorter path",
}


def say(text: str, prefix: str = "bellwire") -> None:
    """Prints one line, whatever the text contains."""
    _write(f"{prefix}: {plain(text)}\n".encode())


def plain(text: str) -> str:
    """Escapes control characters, and bytes that are not UTF-8, which paths may contain."""
    return "".join(map(_shown, text))


def _shown(char: str) -> str:
    if char.isprintable():
        return char
    if "\udc80" <= char <= "\udcff":  # a byte of a path that isn't UTF-8
        return f"\\x{ord(char) - 0xdc00:02x}"
    return char.encode("unicode_escape").decode()


def to_stderr(data: bytes) -> None:
    """Gives up if nobody reads it in time; from then on at once."""
    global _patience
    if sys.stderr is not sys.__stderr__:  # a test has redirected it
        sys.stderr.write(data.decode(errors="replace"))
        return
    deadline = time.monotonic() + _patience
    poll = select.poll()
    poll.register(STDERR, select.POLLOUT)
    while data:
        if not poll.poll(max(deadline - time.monotonic(), 0) * 1000):
            _patience = 0.0
            return
        try:
            data = data[os.write(STDERR, data[:_PIECE]):]
        except OSError:  # there is nowhere to report that
            return


_write: Callable[[bytes], None] = to_stderr


def speak_by(write: Callable[[bytes], None]) -> None:
    """From now on messages go through `write`, in order with what else it writes."""
    global _write
    _write = write


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """Says what it waits for, if that takes long."""
    timer = threading.Timer(SILENCE, say, (f"waiting for {what}",))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def reason(error: BaseException) -> str:
    """What went wrong, in one line that names the thing and the remedy."""
    match error:
        case HarnessError():
            return str(error)
        case OSError():
            said = error.strerror or str(error)
            remedy = _REMEDIES.get(error.errno or 0, "")
            place = f"'{os.fsdecode(error.filename)}': " if isinstance(
                error.filename, (str, bytes, os.PathLike)) else ""
            return f"{place}{said}" + (f": {remedy}" if remedy else "")
        case subprocess.CalledProcessError():
            said = _last_output(error)
            return f"{_command(error.cmd)} failed with status {error.returncode}{said}"
        case subprocess.TimeoutExpired():
            return f"{_command(error.cmd)} still ran after {error.timeout:g} s"
        case MemoryError():
            return "out of memory: free some"
    return f"{type(error).__name__}: {error}"


def _command(argv: object) -> str:
    words = argv if isinstance(argv, (list, tuple)) else [argv]
    return f"'{os.fsdecode(words[0])}'"


def _last_output(error: subprocess.CalledProcessError) -> str:
    said = error.stderr or error.output or b""
    text = said.decode(errors="replace") if isinstance(said, bytes) else said
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return f": {lines[-1]}" if lines else ""
