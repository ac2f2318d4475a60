# SPDX-License-Identifier: BSD-3-Clause
"""Words of shared memory, which the device reads while they are written."""

import mmap
import struct


def store_word(memory: mmap.mmap, at: int, layout: str, value: int) -> None:
    """By one store. struct.pack_into makes the word 0 first, and a device that polls sees that."""
    memory[at:at + struct.calcsize(layout)] = struct.pack(layout, value)
