# SPDX-License-Identifier: BSD-3-Clause
"""The libFuzzer programs of the tree, with their corpora."""

from dataclasses import dataclass
from pathlib import Path

from bellwire.core.places import BUILD, ROOT


@dataclass(frozen=True)
class Target:
    """A program and its corpus. `scripts/test fuzz` tries `runs` inputs of it, which differ little from
    run to run, so that a finding there is most likely of today's change."""

    name: str
    folder: str  # of its program
    corpus_folder: str
    runs: int
    what: str  # is tested, and against what

    @property
    def target(self) -> str:
        """As the build calls it."""
        return f"{self.name}-fuzz"

    @property
    def program(self) -> Path:
        return BUILD / "asan" / self.folder / self.target

    @property
    def corpus(self) -> Path:
        return ROOT / self.corpus_folder

    @property
    def work(self) -> Path:
        """Where scripts/fuzz keeps what it makes."""
        return BUILD / "fuzz" / self.name


TARGETS = {target.name: target for target in (
    Target("device-queue", "vdev/ring", "vdev/ring/corpus/device-queue", 10000,
           "a ring's device side, against a driver that rewrites the memory"),
    Target("driver-queue", "vdev/ring", "vdev/ring/corpus/driver-queue", 5000,
           "a ring's driver side and its watchers, against a device that rewrites the memory"),
    Target("fault-plan", "vdev/faults", "vdev/faults/corpus", 20000, "the text of a fault plan"),
    Target("journal", "vdev/replay", "vdev/replay/corpus", 5000, "a recording, and its replay"),
    Target("virtqueue", "vdev/virtio", "vdev/virtio/corpus", 10000,
           "a virtqueue's device side, against a driver that rewrites the memory"),
    Target("net", "vdev/devices", "vdev/devices/net/corpus", 2000,
           "the switch, against frames of its ports"),
    Target("virtio-request", "vdev/devices", "vdev/devices/corpus", 3000,
           "virtio devices, against requests of a hostile driver"),
    Target("ivshmem-peer", "vdev/transport/ivshmem", "vdev/transport/ivshmem/corpus/ivshmem-peer", 1000,
           "a device's side of ivshmem, against a hostile server"),
    Target("switchboard", "vdev/transport/ivshmem", "vdev/transport/ivshmem/corpus/switchboard", 1000,
           "the switchboard, against hostile guests and devices"),
    Target("soft-machine", "vdev/machine", "vdev/machine/corpus", 2500,
           "the software bus, beside a simple oracle"),
    Target("trace", "host/trace", "host/trace/corpus", 1000, "a trace file, and all that shows it"),
    Target("vfio-user", "vdev/transport/vfio_user", "vdev/transport/vfio_user/server/corpus", 10000,
           "vfio-user's server, against a hostile client"),
    Target("vhost-user", "vdev/transport/vhost_user/server",
           "vdev/transport/vhost_user/server/corpus", 10000,
           "vhost-user's back-end, against a hostile front-end"),
)}
