# SPDX-License-Identifier: BSD-3-Clause
"""Tests in virtual machines, a subject per file; case.py, bell.py and conftest.py have what they
share."""

import pytest

pytest.register_assert_rewrite("vmtests.bell", "vmtests.case", "vmtests.disks")
