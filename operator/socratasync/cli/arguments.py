"""Takes a secret out of the process's arguments, where every user of the machine can read it.

A password on a command line is seen for as long as the process lives; overwriting it leaves a
moment at the start. Best effort: where the kernel does not tell where the arguments are, they stay.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
from pathlib import Path

_ARGUMENTS_START, _ARGUMENTS_END = 47, 48
"""Fields of /proc/self/stat, counted from 0 (proc(5) counts from 1)."""


def hide(secret: str) -> None:
    """Overwrite the secret in what ``ps`` shows of this process."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        start, end = _arguments()
        shown = ctypes.string_at(start, end - start)
        wanted = os.fsencode(secret)
        at = shown.find(wanted)
        while wanted and at >= 0:
            ctypes.memset(start + at, ord("x"), len(wanted))
            at = shown.find(wanted, at + len(wanted))


def _arguments() -> tuple[int, int]:
    """Where this process's arguments lie in its memory."""
    text = Path("/proc/self/stat").read_text(encoding="ascii", errors="replace")
    # The second field is the program's name in brackets, and may hold spaces and brackets itself.
    fields = ["", "", *text.rpartition(")")[2].split()]
    start, end = int(fields[_ARGUMENTS_START]), int(fields[_ARGUMENTS_END])
    if not 0 < start < end:
        raise ValueError("the kernel does not tell")
    return start, end
