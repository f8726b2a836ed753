"""One page of rows as it comes from the socket: bytes in, bytes out, no row looked at in Python.

Part of the edge to Socrata; ``client.Source.rows`` makes these.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import requests
from isal import igzip_lib, isal_zlib

from socratasync.errors import DeadlineExceeded, SourceUnavailable, Terminated

CHUNK = 256 * 1024
"""Larger saves nothing, smaller costs more calls (docs/performance.md)."""

UNKNOWN_TIME = datetime(1970, 1, 1, tzinfo=UTC)
"""Stands for a replica that is behind by nobody knows how much."""


class RowStream:
    """The bytes of one CSV page, decompressed, in chunks; what it learnt on the way is kept.

    Every row ends with ``:id``, so the last line tells where the next page starts, and a body cut
    inside a row cannot pass for whole. A cut gzip stream is known by itself.
    """

    def __init__(
        self, response: requests.Response, deadline: float, stopping: threading.Event
    ) -> None:
        self._response = response
        self._deadline = deadline
        self._stopping = stopping
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
        """The ``:id`` of the last row received; None if there was no row."""
        if self.bytes <= self._header_bytes:
            return None
        cell = self._tail.rstrip(b"\r\n").rsplit(b"\n", 1)[-1].rsplit(b",", 1)[-1]
        return cell.strip(b'"').decode(errors="replace") or None

    def __iter__(self) -> Iterator[bytes]:
        """Chunks of up to ``CHUNK`` bytes. Raises ``SourceUnavailable`` if the body is cut short."""
        pending = bytearray()
        for piece in self._decoded():
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
            head, newline, _ = chunk.partition(b"\n")
            if not newline:
                raise SourceUnavailable("Socrata's answer was cut short inside the header line")
            self._header_bytes = len(head) + 1
            line = head.decode(errors="replace")
            self.header = [name.strip('"').replace('""', '"') for name in line.strip().split(",")]
        self.bytes += len(chunk)
        self._tail = (self._tail + chunk[-512:])[-512:]
        return chunk

    def _decoded(self) -> Iterator[bytes]:
        encoding = self._response.headers.get("Content-Encoding", "identity").strip().lower()
        if encoding == "identity":
            yield from self._received()
        elif encoding in ("gzip", "x-gzip"):
            yield from self._inflated()
        else:
            raise SourceUnavailable(
                f"Socrata's answer is packed as {encoding}, which was not asked for; a proxy may stand between"
            )

    def _inflated(self) -> Iterator[bytes]:
        """The body unpacked: one gzip member, or several in a row, which are one stream together."""
        inflate = isal_zlib.decompressobj(wbits=31)
        for piece in self._received():
            waiting = piece
            while waiting:
                if inflate.eof:
                    inflate = isal_zlib.decompressobj(wbits=31)
                yield _unpack(inflate, waiting)
                waiting = inflate.unused_data if inflate.eof else inflate.unconsumed_tail
        yield inflate.flush()
        if not inflate.eof:
            raise SourceUnavailable("Socrata's answer was cut short inside its compressed body")

    def _received(self) -> Iterator[bytes]:
        read1 = self._response.raw.read1
        while piece := read1(CHUNK, decode_content=False):
            if self._stopping.is_set():
                raise Terminated
            if time.monotonic() > self._deadline:
                raise DeadlineExceeded(
                    "one page took longer than its deadline; the source is slow, or source.pageSize too large"
                )
            yield piece


def _unpack(inflate: isal_zlib.Decompress, packed: bytes) -> bytes:
    """Up to ``CHUNK`` bytes: a tiny body may hold gigabytes."""
    try:
        return inflate.decompress(packed, CHUNK)
    except igzip_lib.IsalError as exc:  # type: ignore[misc]  # its stub knows no class
        raise SourceUnavailable(f"Socrata's compressed answer is damaged: {exc}") from exc


def _http_date(text: str | None) -> datetime | None:
    try:
        at = parsedate_to_datetime(text) if text else None
    except (ValueError, OverflowError):
        return None
    return at.replace(tzinfo=UTC) if at and at.tzinfo is None else at
