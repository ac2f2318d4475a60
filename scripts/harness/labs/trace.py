# SPDX-License-Identifier: BSD-3-Clause
"""A recording of a device's requests, with the time of each of their hops.

    with lab.trace() as trace:
        vm.run("bell ring --count 100")
    assert len(trace.requests) == 100
    assert max(trace.hops("doorbell", "woken")) < 1e6
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from bellwire.core.places import HarnessError
from bellwire.labs.processes import Device, Recorder


@dataclass(frozen=True)
class Request:
    """`at` has the nanosecond of each stage, or None where none was recorded; the guest's are right
    within the trace's `uncertainty`."""

    queue: int
    index: int
    at: Mapping[str, float | None]


class Trace:
    """Recorded between start() and stop(), or as a context manager; read afterwards."""

    def __init__(self, device: Device, path: Path, facts: Mapping[str, str] = {}) -> None:
        self.path = path
        self._recorder = Recorder(device, path, facts)
        self._recording = False
        self._data: dict[str, Any] | None = None

    def start(self) -> None:
        """Returns when it records. The device must run."""
        self._recorder.start()
        self._recording = True

    def stop(self) -> None:
        """Returns when the trace is written. Idempotent."""
        if self._recording:
            self._recording = False
            self._recorder.stop()

    def drop(self) -> None:
        """Ends it without a trace."""
        if self._recording:
            self._recording = False
            self._recorder.drop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self.drop() if kind else self.stop()

    @property
    def data(self) -> dict[str, Any]:
        """All of it, as `bellwire trace record` writes it. Ends the recording."""
        if self._data is None:
            self.stop()
            self._data = json.loads(self.path.read_text())
        return self._data

    @property
    def stages(self) -> list[str]:
        """Their names, in the order in which a request passes them."""
        return [stage["name"] for stage in self.data["stages"]]

    @property
    def requests(self) -> list[Request]:
        return [Request(found["queue"], found["index"], dict(zip(self.stages, found["at"])))
                for found in self.data["requests"]]

    @property
    def uncertainty(self) -> float:
        """Of the guest's clock against the host's, in nanoseconds."""
        return float(self.data["clock"]["uncertainty_ns"])

    def hops(self, begin: str, end: str) -> list[float]:
        """Nanoseconds from one stage to another, for each request that has both."""
        unknown = {begin, end} - set(self.stages)
        if unknown:
            raise HarnessError(f"no stage '{unknown.pop()}' in a trace: there are "
                               f"{', '.join(self.stages)}")
        times = ((request.at[begin], request.at[end]) for request in self.requests)
        return [last - first for first, last in times if first is not None and last is not None]
