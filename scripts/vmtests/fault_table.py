# SPDX-License-Identifier: BSD-3-Clause
"""What becomes of each fault in a guest, as docs/faults.md says; host/tests/faults_test.py has the
columns of one process."""

import pytest

from bellwire.commands import fault_table


@pytest.mark.parametrize("name", fault_table.IN_A_VM)
def test_what_becomes_of_each_fault_is_what_the_page_says(name: str) -> None:
    assert fault_table.column(name) == fault_table.written(name)
