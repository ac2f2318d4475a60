# SPDX-License-Identifier: BSD-3-Clause
"""Calls one function of a shared library, in the sandbox: a program of its own, which the grader
starts with the library's path, the function's name and what to do, as JSON.

It writes a line before the call and one after it, and then waits until the grader has looked.
"""

import ctypes
import json
import os
import signal
import sys
from typing import Any

KINDS = {"i32": ctypes.c_int, "u32": ctypes.c_uint, "i64": ctypes.c_int64, "u64": ctypes.c_uint64}


def argument(kind: str, value: Any) -> Any:
    """Behind a pointer, "u64*", is what the function may change."""
    if not kind.endswith("*"):
        return KINDS[kind](value)
    return (KINDS[kind[:-1]] * len(value))(*value)


def fdinfo(descriptor: int) -> dict[str, str]:
    try:
        with open(f"/proc/self/fdinfo/{descriptor}") as file:
            return dict(line.split(":", 1) for line in file.read().splitlines() if ":" in line)
    except OSError:
        return {}


def main() -> None:
    for number in (signal.SIGXFSZ, signal.SIGPIPE):  # which Python ignores
        signal.signal(number, signal.SIG_DFL)
    library, function, text = sys.argv[1:4]
    plan = json.loads(text)

    def report(**what: object) -> None:
        os.write(plan["report"], (json.dumps(what) + "\n").encode())

    try:
        called = getattr(ctypes.CDLL(library, use_errno=True), function)
    except AttributeError:
        return report(missing=f"there is no function {function}()")
    except OSError as error:
        return report(missing=f"the code can't be loaded: {error}")
    called.restype = KINDS[plan["returns"]]
    arguments = [argument(kind, value) for kind, value in plan["arguments"]]
    report(begun=True)
    value = called(*arguments)
    after = getattr(ctypes.CDLL(library), plan["then"])(value) if plan["then"] else 0
    report(value=value, after=after, changed=[list(each) for each in arguments if isinstance(each, ctypes.Array)],
           fdinfo=fdinfo(value) if 0 <= value < 1 << 20 else {})
    os.read(plan["hold"], 1)


main()
os._exit(0)
