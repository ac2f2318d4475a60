# SPDX-License-Identifier: BSD-3-Clause
"""Records the requests of a running device, by `bellwire trace record`."""

import time
from collections.abc import Mapping
from pathlib import Path

from harness.core import messages
from harness.core.children import Child, describe
from harness.core.places import PROGRAM, HarnessError, last_line
from harness.labs.processes import Device

START_LIMIT = 10.0
END_LIMIT = 60.0  # to join the records, and to write them


class Recorder:
    """From start() until `requests` are recorded, or stop()."""

    def __init__(self, device: Device, out: Path, facts: Mapping[str, str] = {},
                 requests: int | None = None) -> None:
        assert device.control, "only devices of a lab have a control socket"
        self.out = out
        self._log = device.log.with_suffix(".record.log")
        self._argv = [str(PROGRAM), "trace", "record", str(device.control), "--out", str(out)]
        self._argv += [word for name, text in facts.items() for word in ("--fact", f"{name}={text}")]
        self._argv += ["--requests", str(requests)] if requests else []
        self._child: Child | None = None

    def start(self) -> None:
        """Returns when it records."""
        self._log.unlink(missing_ok=True)
        self._child = Child(self._argv, self._log)
        deadline = time.monotonic() + START_LIMIT
        while b"recording" not in self._log.read_bytes():
            if self._child.status is not None or time.monotonic() > deadline:
                self.stop()
                raise HarnessError(f"nothing was recorded: {last_line(self._log)}")
            time.sleep(0.002)

    def drop(self) -> None:
        """Ends without a trace."""
        if self._child:
            self._child.kill()

    def stop(self) -> None:
        """The trace is there when it returns."""
        with messages.waiting("the recorder to write its trace"):
            status = self._child.stop(END_LIMIT) if self._child else 0
        if status:
            raise HarnessError(f"the recorder {describe(status)}: {last_line(self._log)}")
