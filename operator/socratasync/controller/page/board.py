"""The entries of all resources, as of when the operator last looked at each: what the page is rendered from.

Ten thousand are kept packed, each in some hundred bytes; only those that are shown are unpacked.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from socratasync.api.status_words import Phase
from socratasync.controller.observed.resource import Key, Resource
from socratasync.controller.page.entry import ENTRY, Entry
from socratasync.controller.page.read_entry import read_entry

_FAMILIAR: Final = (
    b'"lastFailure":"2026-11-"consecutiveFailures":"nextRetry":"active":{"step":"download","total":"percent":'
    b'"warnings":["troubles":[{"condition":"Stalled","reason":"SourceUnavailable","message":"the run '
    b'"since":"needsAttention":true,"suspended":true,"schedule":"0 7 * * * America/Los_Angeles","table":"requests",'
    b'{"namespace":"data","name":"la-311","phase":"Synced","domain":"data.lacity.org","lastSuccess":"2026-'
    b'"sourceUpdatedAt":"2026-11-23T07:00:00Z","nextRun":"2026-11-24T07:00:00Z","rows":"runs":['
    b'"trigger":"Creation","result":"Failed","reason":"trigger":"Schedule","result":"NoChange",'
    b'{"start":"2026-11-23T07:00:00Z","end":"2026-11-23T07:00:00Z","trigger":"Schedule","result":"Succeeded",'
    b'"downloaded":0,"inserted":0,"updated":0,"deleted":0},"datasets":[{"id":"rq3b-xjk8","year":2020,'
    b'"sourceRows":1,"targetRows":1,"leftOut":0,"sourceUpdatedAt":"2026-11-23T07:00:00Z","syncedSince":"2026-11-23'
    b'T07:00:00Z","frozenColumns":0}]}'
)
"""What most entries are made of, so that none has to spell it out: the most frequent stands at the end."""


class Pinned(NamedTuple):
    """An entry, packed, and what is asked of all of them at once."""

    needs_attention: bool
    phase: Phase
    packed: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which syncs are asked for."""

    namespace: str | None = None
    in_need: bool = False
    """Only those that need attention."""


EVERY: Final = Wanted()


class Board:
    """Fed by the reconciler, read by the page's thread."""

    def __init__(self, left_out: Collection[str] = ()) -> None:
        """Nothing of the namespaces ``left_out`` is ever on it."""
        self._left_out = frozenset(left_out)
        self._pinned: dict[Key, Pinned] = {}

    def observe(self, resource: Resource) -> None:
        """The resource as it stands now."""
        if resource.key.namespace in self._left_out:
            return
        entry = read_entry(resource)
        self._pinned[resource.key] = Pinned(entry.needs_attention, entry.phase, _pack(entry))

    def forget(self, key: Key) -> None:
        """The resource is gone."""
        self._pinned.pop(key, None)

    def view(self) -> View:
        """What is on it at this moment; may be asked for, and read, in another thread."""
        return View(dict(self._pinned))


class View:
    """The board at one moment."""

    def __init__(self, pinned: Mapping[Key, Pinned]) -> None:
        self._pinned = pinned

    def keys(self, wanted: Wanted) -> list[Key]:
        """Those that need attention, then the others, each by namespace and name."""
        found = (
            (not pin.needs_attention, key)
            for key, pin in self._pinned.items()
            if wanted.namespace in (None, key.namespace)
            and (pin.needs_attention or not wanted.in_need)
        )
        return [key for _, key in sorted(found)]

    def entries(self, keys: Iterable[Key]) -> Iterator[Entry]:
        """The entries, unpacked one by one."""
        return (_unpack(self._pinned[key].packed) for key in keys)

    def namespaces(self) -> list[str]:
        """In which there are syncs."""
        return sorted({key.namespace for key in self._pinned})

    def phases(self, wanted: Wanted) -> Counter[Phase]:
        """How many of the syncs are in each phase."""
        return Counter(self._pinned[key].phase for key in self.keys(wanted))


def _pack(entry: Entry) -> bytes:
    packer = zlib.compressobj(level=6, zdict=_FAMILIAR)
    text = ENTRY.dump_json(entry, by_alias=True, exclude_none=True, exclude_defaults=True)
    return packer.compress(text) + packer.flush()


def _unpack(packed: bytes) -> Entry:
    unpacker = zlib.decompressobj(zdict=_FAMILIAR)
    return ENTRY.validate_json(unpacker.decompress(packed))
