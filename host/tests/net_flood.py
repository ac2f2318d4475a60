# SPDX-License-Identifier: BSD-3-Clause
"""A card that sends frames for everybody as fast as it can, each from an address of its own, and
takes none: to be stopped and killed. Argument: the socket of its port."""

import sys
from pathlib import Path

from net_peer import EVERYBODY, Card, frame

card = Card(Path(sys.argv[1]), 60)
print("here", flush=True)
number = 0
while True:
    number += 1
    card.send(frame(EVERYBODY, b"\x06" + number.to_bytes(5, "big"), 14 + number % 1500))
