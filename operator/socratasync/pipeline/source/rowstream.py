"""One page of rows as it comes from the socket: bytes in, bytes out, no row looked at in Python.

Part of the edge to Socrata; ``client.Source.rows`` makes these.
"""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator, Mapping

import requests

from socratasync.errors import SourceUnavailable
from socratasync.pipeline.source.answers import read_types
from socratasync.pipeline.source.body import CHUNK, Body
from socratasync.pipeline.source.interface import Replica

CURRENT_REPLICA = Replica()
NO_ALIASES: Mapping[str, str] = {}

_ROW_ID = re.compile(rb'"?([!#-&(-~]{1,200})"?')
"""An ``:id`` is opaque, but short, and has neither blanks nor quotes."""


def _accept(_: list[str]) -> None:
    """Every header line will do."""


class RowStream:
    """The bytes of one CSV page, decompressed, in chunks; what it learnt on the way is kept. ``aliases``: names of
    the header line, and what stands there instead when the line leaves here. ``check`` is called with that line
    before any byte leaves, and raises what is wrong with it.

    Every row ends with ``:id``, so the last line tells where the next page starts, and a body cut
    inside a row cannot pass for whole. A cut gzip stream is known by itself.
    """

    def __init__(
        self,
        response: requests.Response,
        body: Body,
        *,
        replica: Replica = CURRENT_REPLICA,
        aliases: Mapping[str, str] = NO_ALIASES,
        check: Callable[[list[str]], None] = _accept,
    ) -> None:
        self.replica = replica
        self._response = response
        self._aliases = aliases
        self._check = check
        self._body = body
        self._tail = b""
        self._header_bytes = 0
        self.bytes = 0
        self.header: list[str] = []

    @property
    def types(self) -> dict[str, str]:
        """Field → type, where Socrata still says so in headers, which it announced to drop; else empty."""
        headers = self._response.headers
        return read_types(headers.get("X-SODA2-Fields"), headers.get("X-SODA2-Types"))

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
            chunk = self._headed(chunk.removeprefix(BOM_UTF8))
        self.bytes += len(chunk)
        self._tail = (self._tail + chunk[-512:])[-512:]
        return chunk

    def _headed(self, chunk: bytes) -> bytes:
        """The first chunk, its header line read, and written anew where it holds aliases."""
        head, newline, rest = chunk.partition(b"\n")
        if not newline:
            raise SourceUnavailable("Socrata's answer was cut short inside the header line")
        line = head.decode(errors="replace")
        came = [name.strip('"').replace('""', '"') for name in line.strip().split(",")]
        self.header = [self._aliases.get(name, name) for name in came]
        self._check(self.header)
        if self.header != came:
            head = ",".join('"' + name.replace('"', '""') + '"' for name in self.header).encode()
        self._header_bytes = len(head) + 1
        return head + newline + rest
