"""One page of rows as it comes from the socket: bytes in, bytes out, no row looked at in Python.

Part of the edge to Socrata; ``client.Source.rows`` makes these.
"""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import requests

from socratasync.errors import SourceUnavailable
from socratasync.pipeline.source.body import CHUNK, Body

UNKNOWN_TIME = datetime(1970, 1, 1, tzinfo=UTC)
"""Stands for a replica that is behind by nobody knows how much."""

_ROW_ID = re.compile(rb'"?([!#-&(-~]{1,200})"?')
"""An ``:id`` is opaque, but short, and has neither blanks nor quotes."""


class RowStream:
    """The bytes of one CSV page, decompressed, in chunks; what it learnt on the way is kept.

    Every row ends with ``:id``, so the last line tells where the next page starts, and a body cut
    inside a row cannot pass for whole. A cut gzip stream is known by itself.
    """

    def __init__(self, response: requests.Response, body: Body) -> None:
        self._response = response
        self._body = body
        self._tail = b""
        self._header_bytes = 0
        self.bytes = 0
        self.header: list[str] = []

    @property
    def replica_as_of(self) -> datetime | None:
        """The time whose state these rows are, if Socrata says that they come from a replica that is
        behind; ``UNKNOWN_TIME`` if it does not say how far. None: they are current."""
        headers = self._response.headers
        if headers.get("X-SODA2-Data-Out-Of-Date", "").lower() != "true":
            return None
        for name in ("X-SODA2-Secondary-Last-Modified", "Last-Modified"):
            if at := _http_date(headers.get(name)):
                return at
        return UNKNOWN_TIME

    @property
    def end_is_certain(self) -> bool:
        """Whether a cut would have been noticed: not when only the closing connection ends the body,
        not even of a whole gzip stream, which may have been packed after the cut."""
        headers = self._response.headers
        chunked = "chunked" in headers.get("Transfer-Encoding", "").lower()
        return chunked or "Content-Length" in headers

    @property
    def wire_bytes(self) -> int:
        """Bytes received, compressed as they came."""
        return int(self._response.raw.tell())

    @property
    def last_id(self) -> str | None:
        """The ``:id`` of the last row received; None if there was no row, or it ends with something else."""
        if self.bytes <= self._header_bytes:
            return None
        cell = self._tail.rstrip(b"\r\n").rsplit(b"\n", 1)[-1].rsplit(b",", 1)[-1]
        found = _ROW_ID.fullmatch(cell)
        return found[1].decode() if found else None

    def __iter__(self) -> Iterator[bytes]:
        """Chunks of up to ``CHUNK`` bytes. Raises ``SourceUnavailable`` if the body is cut short."""
        pending = bytearray()
        for piece in self._body:
            pending += piece
            if len(pending) >= CHUNK:
                yield self._noted(bytes(pending))
                pending.clear()
        if pending:
            yield self._noted(bytes(pending))
        if not self.header:
            raise SourceUnavailable("Socrata's answer was cut short before the header line")

    def _noted(self, chunk: bytes) -> bytes:
        if not self.header:
            chunk = chunk.removeprefix(BOM_UTF8)
            head, newline, _ = chunk.partition(b"\n")
            if not newline:
                raise SourceUnavailable("Socrata's answer was cut short inside the header line")
            self._header_bytes = len(head) + 1
            line = head.decode(errors="replace")
            self.header = [name.strip('"').replace('""', '"') for name in line.strip().split(",")]
        self.bytes += len(chunk)
        self._tail = (self._tail + chunk[-512:])[-512:]
        return chunk


def _http_date(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        at = parsedate_to_datetime(text)
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
