# SPDX-License-Identifier: BSD-3-Clause
"""Which processes a lab's devices are, and how each is plugged into QEMU.

Over ivshmem all devices are on one switchboard; over vfio-user and vhost-user each serves a socket
of its own.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bellwire.core.places import HarnessError
from bellwire.labs.processes import Device, Process, Switchboard
from bellwire.labs.served import Program, Service
from bellwire.labs.virtio import Choice, Kind
from bellwire.vms import qemu, toolbox
from bellwire.vms.plugs import (CONNECT, LISTEN, IvshmemPlug, Plug, VfioUserPlug, VhostUserPlug,
                               reconnecting)

VECTORS = 8
MOST_DEVICES = 64  # of a lab: the numbers of the user's programs come after

Plugs = Callable[[int, int], Plug]  # the plug of a device, by its number and its slot in the VM


@dataclass(frozen=True)
class Place:
    """Where and how the devices of a lab run."""

    folder: Path  # the run's,
    private: Path  # and its folder for sockets
    vectors: int
    queues: int  # of a virtio device that can have several
    words: tuple[str, ...]  # --transport's, such as "page=1"
    qemu: str  # the program

    def numbered(self, choices: Sequence[Choice]) -> Iterator[tuple[int, Choice, Path]]:
        """Each device with its number and its socket."""
        for number, choice in enumerate(choices):
            yield number, choice, self.private / f"device{number}"

    def control(self, number: int) -> Path:
        return self.private / f"control{number}"


@dataclass
class Wiring:
    """A lab's processes, and the plug into each device."""

    switchboard: Switchboard | None
    devices: list[Device]
    plug: Plugs

    @property
    def processes(self) -> list[Process]:
        return [*([self.switchboard] if self.switchboard else []), *self.devices]


def by_ivshmem(place: Place, choices: Sequence[Choice]) -> Wiring:
    socket = place.private / "socket"
    devices = [Device(place.folder, choice.name, slot, f"ivshmem:{socket},slot={slot}",
                      control=place.control(slot))
               for slot, choice in enumerate(choices)]
    sizes = [f"--{word}{'' if word.startswith('entries') else 'K'}" for word in place.words]
    switchboard = Switchboard(place.folder, socket, len(choices), place.vectors, sizes)
    usual = len(choices) == 1 and place.vectors == VECTORS and not sizes
    return Wiring(switchboard, devices,
                  lambda _, slot: IvshmemPlug(slot, socket, place.vectors, usual))


ON_VIRTQUEUES = "virtio=1"  # ring devices are virtio devices, which our module does not drive
# QEMU's front-end for any device whose ID it knows; Linux has no driver for this one. It sets up no
# second back-end.
ON_ANY_FRONT_END = Kind("a ring device", (), {
    "driver": toolbox.ANY_FRONT_END, "virtio-id": 38, "num_vqs": 1, "config_size": 24},
    lambda value: [], recovers=False)
_SIZES = ("memory=", "entries=", "payload=")  # of shared memory and of its rings; those of bytes in KiB
_OF_THE_CARD = ("page=", "awake=", "msix=", *_SIZES)


def driven_by_module(choice: Choice, words: Sequence[str]) -> bool:
    return choice.ring and ON_VIRTQUEUES not in words


def by_vfio_user(place: Place, choices: Sequence[Choice]) -> Wiring:
    devices: list[Device] = []
    for number, choice, socket in place.numbered(choices):
        card = driven_by_module(choice, place.words)
        vectors = (f"vectors={place.vectors}",) if card else ()
        words = [word for word in place.words if _takes(choice, card, word)]
        on = ",".join([f"vfio-user:{socket}", *vectors, *words])
        _serve(place, devices, number, choice, on, socket)
    return Wiring(None, devices,
                  lambda number, slot: VfioUserPlug(slot, place.private / f"device{number}"))


def _takes(choice: Choice, card: bool, word: str) -> bool:
    """Whether that device has that word, over vfio-user; `card`: it is in our card."""
    if word.startswith("packed="):
        return not card and bool(choice.kind or choice.ring)
    if word.startswith("virtio="):
        return choice.ring and not card
    return card


def _serve(place: Place, devices: list[Device], number: int, choice: Choice, on: str,
           socket: Path | None) -> None:
    """Adds the device's process, or a port to that of the switch that it shares with others."""
    switch = next((one for one in devices if one.name == choice.name), None)
    if switch and choice.kind and choice.kind.shared:
        new = [word for word in choice.options(place.queues) if word not in switch.argv]
        switch.add_options([f"--on={on}", *new])
        switch.socket = socket  # the last one that it serves
        return
    device = Device(place.folder, choice.name, number, on, socket, place.control(number))
    device.add_options(choice.options(place.queues))
    devices.append(device)


def by_vhost_user(place: Place, choices: Sequence[Choice]) -> Wiring:
    """`server=1`: QEMU listens, and waits for a device that died to come back; `reconnect=1`: it
    tries to connect again."""
    server = _qemu_listens(place)
    devices: list[Device] = []
    for number, choice, socket in place.numbered(choices):
        on = f"vhost-user:{socket}{',connect=1' if server else ''}"
        _serve(place, devices, number, choice, on, None if server else socket)

    def plug(number: int, slot: int) -> Plug:
        kind = choices[number].kind or ON_ANY_FRONT_END
        return _front_end(place, kind, slot, place.private / f"device{number}", number)

    return Wiring(None, devices, plug)


def _qemu_listens(place: Place) -> bool:
    return "server=1" in place.words


def _front_end(place: Place, kind: Kind, slot: int, socket: Path, number: int) -> VhostUserPlug:
    """`number`: of all front-ends of a lab, for its cards' addresses."""
    how = LISTEN if _qemu_listens(place) else CONNECT
    if "reconnect=1" in place.words and kind.recovers:
        how = reconnecting(qemu.numbers(place.qemu))
    queues = {kind.queues: place.queues} if kind.queues else {}
    packed = {"packed": "packed=1" in place.words}
    mac = {"mac": f"52:54:00:62:77:{number:02x}"} if kind.netdev else {}
    return VhostUserPlug(slot, socket, {**kind.front_end, **queues, **packed, **mac}, kind.netdev,
                         how)


def serve(place: Place, transport: str, services: Sequence[Service]) -> list[Program]:
    """The programs of the user, each with a socket of its own."""
    after_qemu = transport == "vhost-user" and _qemu_listens(place)
    return [Program(service, number, place.folder, _service_socket(place, number), after_qemu)
            for number, service in enumerate(services)]


def _service_socket(place: Place, number: int) -> Path:
    """In a folder of its own, so that all that listens there is that service."""
    folder = place.private / f"serve{number}"
    folder.mkdir(exist_ok=True)
    return folder / "socket"


def served_plug(place: Place, transport: str, service: Service, number: int, slot: int) -> Plug:
    socket = _service_socket(place, number)
    if service.kind:
        return _front_end(place, service.kind, slot, socket, MOST_DEVICES + number)
    if transport == "vfio-user":
        return VfioUserPlug(slot, socket)
    return IvshmemPlug(slot, socket, place.vectors)


def survives(transport: str, words: Sequence[str], kind: Kind | None) -> bool:
    """Whether QEMU goes on when a program has died, and sets up the next one."""
    again = transport == "vhost-user" and bool({"server=1", "reconnect=1"} & set(words))
    return again and bool(kind and kind.recovers)


@dataclass(frozen=True)
class Transport:
    wire: Callable[[Place, Sequence[Choice]], Wiring]
    default: str  # the device, if none is named
    shared_memory: bool  # whether devices map the guest's memory
    module: bool  # whether ring devices may be our module's
    flags: tuple[str, ...]  # what may follow; one that ends with "=" takes any value


# By the part of --transport before the first comma.
TRANSPORTS = {
    "ivshmem": Transport(by_ivshmem, "echo", False, True, _SIZES),
    "vfio-user": Transport(by_vfio_user, "echo", True, True,
                           ("packed=0", "packed=1", "page=0", "page=1", "awake=0", "awake=1",
                            "msix=0", "msix=1", "virtio=0", ON_VIRTQUEUES, *_SIZES)),
    "vhost-user": Transport(by_vhost_user, "blk=64M", True, False,
                            ("packed=0", "packed=1", "server=0", "server=1", "reconnect=0",
                             "reconnect=1")),
}


def split(transport: str) -> tuple[Transport, tuple[str, ...]]:
    """The transport, and the words behind its name. Raises if either is unknown."""
    name, *words = transport.split(",")
    if name not in TRANSPORTS:
        raise HarnessError(f"--transport '{name}' is not one of {', '.join(TRANSPORTS)}")
    found = TRANSPORTS[name]
    for word in words:
        if not any(word == flag or flag.endswith("=") and word.startswith(flag)
                   for flag in found.flags):
            raise HarnessError(f"--transport {transport}: {name} has no '{word}', but "
                               f"{', '.join(found.flags)}")
    keys = [word.partition("=")[0] for word in words]
    if twice := next((key for key in keys if keys.count(key) > 1), None):
        raise HarnessError(f"--transport {transport}: {twice} is given twice")
    if ON_VIRTQUEUES in words:
        for word in words:
            if word.startswith(_OF_THE_CARD):
                raise HarnessError(f"--transport {transport}: {word} is about our card, and with "
                                   f"{ON_VIRTQUEUES} there is none: leave one of them out")
    if {"server=1", "reconnect=1"} <= set(words):
        raise HarnessError(f"--transport {transport}: whoever listens never connects: leave out "
                           "server=1 or reconnect=1")
    return found, tuple(words)
