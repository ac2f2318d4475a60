# SPDX-License-Identifier: BSD-3-Clause
"""What the suites have beside the fixtures of the plugin."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bellwire.plugin import Subtests
from vmtests.bell import Bell


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder of the test's own, with a path that is short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="bell") as path:
        yield Path(path)


@pytest.fixture
def disk(folder: Path) -> Path:
    """A file for a disk, which is not there yet."""
    return folder / "disk"


@pytest.fixture
def bell(subtest: Subtests) -> Bell:
    return Bell(subtest)
