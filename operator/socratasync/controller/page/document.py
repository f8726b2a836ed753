"""`status.json`, version 1: what the page shows, for programs. Written piece by piece, however many syncs there are.

docs/status-page.md lists its fields. What a version has stays as it is; fields may be added.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from typing import Final

from socratasync import __version__
from socratasync.controller.page.board import View, Wanted
from socratasync.controller.page.entry import ENTRY
from socratasync.controller.page.sight import Sight
from socratasync.times import write_instant

VERSION: Final = 1

_AT_ONCE = 10


def write(view: View, wanted: Wanted, sight: Sight) -> Iterator[bytes]:
    """The document, in pieces."""
    phases = view.phases(wanted)
    head = {
        "version": VERSION,
        "operator": __version__,
        "madeAt": write_instant(sight.now, "seconds"),
        "asOf": write_instant(sight.seen, "seconds"),
        "outOfDate": sight.out_of_date or None,
        "count": phases.total(),
        "needAttention": len(view.keys(Wanted(namespace=wanted.namespace, in_need=True))),
        "phases": {phase.value: count for phase, count in sorted(phases.items())},
    }
    yield json.dumps(head).removesuffix("}").encode() + b', "syncs": ['
    entries, before = view.entries(view.keys(wanted)), b""
    while some := list(islice(entries, _AT_ONCE)):
        texts = (ENTRY.dump_json(entry, by_alias=True, exclude_none=True) for entry in some)
        yield before + b",\n".join(texts)
        before = b",\n"
    yield b"]}\n"


def refusal(sentence: str) -> bytes:
    """The document of an operator that knows of no sync."""
    return json.dumps({"version": VERSION, "error": sentence}).encode() + b"\n"
