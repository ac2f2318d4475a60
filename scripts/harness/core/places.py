# SPDX-License-Identifier: BSD-3-Clause
"""Where files are, how they are written and locked, and the exceptions of the harness."""

import fcntl
import functools
import hashlib
import os
import pwd
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]
_CARRIED = _PACKAGE / "tree"  # the sources, which Python's package has with it (setup.py)
ROOT = _CARRIED if _CARRIED.is_dir() else _PACKAGE.parents[1]
# Debian's package has the programs as well, in a folder `release` (debian/rules).
INSTALLED = _CARRIED.is_dir() or (ROOT / "release").is_dir()


def build_folder(root: Path, installed: bool) -> Path:
    """As harness/enter chooses it. An installed package can't be written, so each has one in the
    user's cache."""
    if chosen := os.environ.get("BELLWIRE_BUILD"):
        return Path(chosen).absolute()
    name = hashlib.sha256(os.fsencode(root)).hexdigest()[:12]
    caches = os.environ.get("XDG_CACHE_HOME") or f"{os.environ.get('HOME') or '/tmp'}/.cache"
    return Path(caches, "bellwire/build", name) if installed else root / "build"


BUILD = build_folder(ROOT, INSTALLED)
PROGRAM = BUILD / "release/host/bellwire"
BENCH = BUILD / "release/host/bench/bellwire-bench"
MICRO = BUILD / "release/host/bench/bellwire-micro"
BARE_PEER = BUILD / "release/guest-kmod/bare/ends/bare-peer"
GUEST_TOOLS = (BUILD / "release/guest-kmod/bell/bell",
               BUILD / "release/guest-kmod/selftest/module-selftest",
               BUILD / "release/guest-kmod/notify_lab/selftest/lab-selftest",
               BUILD / "release/guest-kmod/bare/ends/bare-ring")
# Where a folder with a short and plain name can be made if $TMPDIR has none.
TEMPORARY = ("/tmp", "/var/tmp", "/dev/shm")
_PLAIN = re.compile(rb"/[A-Za-z0-9._/+@-]*")  # means the same to shells, make, CMake and QEMU


class HarnessError(Exception):
    """Its text is one line that names the thing, its value and the remedy."""


class Missing(HarnessError):
    """This machine does not have what was asked for: no KVM, no QEMU, no such kernel to fetch."""


class AlreadySaid(HarnessError):
    """The line was printed already, by a program that we ran."""


def plain(path: Path) -> bool:
    """Whether every program takes that path, even kbuild, which refuses spaces and colons."""
    return _PLAIN.fullmatch(os.fsencode(path)) is not None


def plain_alias(path: Path) -> Path:
    """A link to it whose path every program accepts, in a folder of the user's; as harness/enter
    makes for CMake."""
    name = hashlib.sha256(os.fsencode(path)).hexdigest()[:12]
    for parent in TEMPORARY:
        folder = Path(parent, f"bellwire-{os.getuid()}")
        with suppress(OSError):
            folder.mkdir(mode=0o700, exist_ok=True)
            if folder.is_symlink() or folder.stat().st_uid != os.getuid():
                continue
            link = folder / name
            if not link.exists() or not link.samefile(path):
                fresh = unique(folder / name)
                fresh.symlink_to(path)
                fresh.replace(link)
            return link
    raise HarnessError(f"no folder for a link with a plain path to '{path}': make /tmp writable")


def users_cache() -> Path | None:
    """The user's own, writable or not; None for a user without a home."""
    chosen = os.environ.get("XDG_CACHE_HOME", "")
    home = os.environ.get("HOME", "")
    if not chosen.startswith("/") and not home.startswith("/"):
        try:
            home = pwd.getpwuid(os.getuid()).pw_dir
        except KeyError:
            return None
    return (Path(chosen) if chosen.startswith("/") else Path(home, ".cache")) / "bellwire"


def own_cache() -> Path:
    """The cache of this clone, used if the user's cannot be written."""
    return BUILD / "cache"


def cache() -> Path:
    """Where to store what is downloaded or proven once for all clones of the user."""
    return _writable(users_cache())


@functools.cache
def _writable(users: Path | None) -> Path:
    trouble = _unwritable(users) if users else "there is no home"
    if not trouble:
        assert users
        return users
    from bellwire.core import messages  # which says what places have wrong

    messages.say(f"the cache {f'{users} ' if users else ''}can't be written ({trouble}): using "
                 f"{own_cache()}; $XDG_CACHE_HOME chooses another")
    return own_cache()


def caches() -> list[Path]:
    """Where to look for it; read-only caches as well."""
    users = users_cache()
    return [*([users] if users else []), own_cache()]


def _unwritable(folder: Path) -> str:
    """Why no file can be created there; "" if one can."""
    probe = unique(folder / ".probe")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
        return ""
    except OSError as error:
        return error.strerror or str(error)


@contextmanager
def locked(path: Path, what: str) -> Iterator[None]:
    """Holds the lock file `path` against other processes that do `what`; it ends with ours."""
    from bellwire.core import messages

    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with messages.waiting(f"another process that {what}; its lock: {path}"):
                fcntl.flock(file, fcntl.LOCK_EX)
        yield


def write(path: Path, data: bytes | str) -> None:
    """Writes a file; text may contain paths whose bytes are not UTF-8. Errors name the file."""
    raw = data.encode(errors="surrogateescape") if isinstance(data, str) else data
    with naming(path):
        path.write_bytes(raw)


def replace_file(path: Path, data: bytes | str) -> None:
    """Readers see the old content or the new, never a part. A device or a pipe is written as it
    is."""
    if path.exists() and not path.is_file():
        write(path, data)
        return
    target = Path(os.path.realpath(path))  # a link stays one
    if target.exists() and not os.access(target.parent, os.W_OK):
        write(path, data)  # no file can be created beside it
        return
    half = unique(target.with_name(f".{_short(target.name)}"))
    try:
        with naming(path):
            write(half, data)
            if target.exists():
                half.chmod(stat.S_IMODE(target.stat().st_mode))
            half.replace(target)
    except BaseException:
        with suppress(OSError):
            half.unlink()
        raise


def unique(path: Path) -> Path:
    """With a suffix that no other process uses, in another container with this folder either."""
    return path.with_name(f"{path.name}.{os.urandom(8).hex()}")


def _short(name: str) -> str:
    """A name that leaves room for a suffix."""
    return name if len(os.fsencode(name)) < 200 else hashlib.sha256(os.fsencode(name)).hexdigest()


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Names the file in an error of write(), which does not know it."""
    try:
        yield
    except OSError as error:
        error.filename = str(path)
        error.filename2 = None
        raise
