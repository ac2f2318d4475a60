# SPDX-License-Identifier: BSD-3-Clause
"""What a guest gets beside devices of ours: disks and a network card that QEMU serves, and a folder
that comes back."""

import shlex
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bellwire.core import children, messages
from bellwire.core.places import HarnessError
from bellwire.image.overlay import Around
from bellwire.vms.plugs import DiskPlug, Plug, UserNetPlug

OUT_SERIAL = "bellwire-out"
OUT_SIZE = "4G"  # of a sparse file
NET_MAC = "52:54:00:62:77:fe"
NET_MODES = ("user",)


@dataclass(frozen=True)
class Extra:
    """Something in a slot of its own."""

    plug: Callable[[int], Plug]  # by its slot
    modules: tuple[str, ...] = ()
    setup: str = ""  # shell lines that the guest runs before its command,
    cleanup: str = ""  # and after it
    virtio: bool = True  # whether a virtio driver of Linux drives it


def disk(file: Path, number: int) -> Extra:
    """The guest may write to it. Its name says what it is: its bytes are the guest's, which could
    make another format of it, with other files behind."""
    option = f"--disk {file}"
    kind = "qcow2" if file.suffix == ".qcow2" else "raw"
    try:
        file.open("r+b").close()
    except OSError as error:
        raise HarnessError(f"{option}: {error.strerror}: name a file that can be written, as one "
                           f"that truncate -s 64M {shlex.quote(str(file))} makes") from None
    return Extra(lambda slot: DiskPlug(slot, file.absolute(), f"bellwire-disk{number}", kind),
                 ("virtio_blk", "ext4"))


def network() -> Extra:
    """With the addresses that QEMU's router expects, so no DHCP is needed."""
    setup = f"""\
for card in /sys/class/net/*; do
    [ "$(cat $card/address)" != {NET_MAC} ] || {{
        ip link set ${{card##*/}} up
        ip addr add 10.0.2.15/24 dev ${{card##*/}}
        ip route add default via 10.0.2.2
        echo nameserver 10.0.2.3 >/etc/resolv.conf
    }}
done"""
    return Extra(lambda slot: UserNetPlug(slot, NET_MAC), ("virtio_net",), setup)


class OutFolder:
    """A folder of this machine that gets what the guest has in /out. In between is a file system
    in a file, which the guest mounts, so what was written there by a second before a panic comes
    back, too."""

    def __init__(self, folder: Path, run: Path) -> None:
        self.folder = folder
        self.came_back = False
        self._file = (run / "out.ext4").absolute()

    def extra(self) -> Extra:
        """Makes the file system."""
        self._file.unlink(missing_ok=True)
        made = children.run(_tool("mke2fs"), "-q", "-F", "-t", "ext4", "-E",
                            "root_owner=0:0,lazy_itable_init=1", "-m", "0", self._file, OUT_SIZE)
        if made.returncode:
            raise HarnessError(f"no file system for --out: {made.stderr.strip()}")
        setup = f"""\
for disk in /sys/block/vd*; do
    [ "$(cat $disk/serial)" != {OUT_SERIAL} ] || {{
        mkdir -p /out && mount -t ext4 -o nodelalloc,commit=1 /dev/${{disk##*/}} /out && rmdir /out/lost+found
    }}
done"""
        return Extra(lambda slot: DiskPlug(slot, self._file, OUT_SERIAL),
                     ("virtio_blk", "ext4"), setup, "umount -r /out 2>/dev/null || sync")

    def fetch(self) -> None:
        """Moves what is there to the folder, in place of what has the same name there, and removes
        the file. Says what is wrong."""
        try:
            trouble = self._fetch()
        except OSError as error:
            trouble = messages.reason(error)
        if trouble:
            messages.say(f"--out {self.folder}: {trouble}; all that is there: {self._file}")
        self.came_back = not trouble

    def _fetch(self) -> str:
        """Returns what is wrong, or ""."""
        came = self._file.with_suffix("")
        came.mkdir()
        # A guest that died left its journal; and no name has a slash in it after this.
        children.run(_tool("e2fsck"), "-fy", self._file)
        copied = children.run(_tool("debugfs"), "-R", "rdump / .", self._file, cwd=came)
        shutil.rmtree(came / "lost+found", ignore_errors=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        for path in came.iterdir():
            place = self.folder / path.name
            if place.is_dir() and not place.is_symlink():
                shutil.rmtree(place)
            else:
                place.unlink(missing_ok=True)
            shutil.move(path, place)
        came.rmdir()
        trouble = [line for line in copied.stderr.splitlines()[1:] if "while changing" not in line]
        if not trouble:
            self._file.unlink()
        return "; ".join(trouble[:3])


def _tool(name: str) -> str:
    """Those of e2fsprogs are often in no user's $PATH."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if not found:
        raise HarnessError(f"there is no {name}, which --out needs: install e2fsprogs")
    return found


def around(extras: Sequence[Extra]) -> Around:
    return Around([extra.setup for extra in extras if extra.setup],
                  [extra.cleanup for extra in extras if extra.cleanup])
