"""The body of an answer: bytes from the socket, unpacked, within a time and a size.

What comes from a network can drip for days, never end, or unpack to a thousand times its size. No body is
read but by this, and sizes are those of the unpacked bytes.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from typing import Protocol

from isal import igzip_lib, isal_zlib

from socratasync.errors import DeadlineExceeded, SourceTooSlow, SourceUnavailable, Terminated
from socratasync.pipeline.source.deadlines import Deadline

CHUNK = 128 * 1024
"""Larger saves nothing, smaller costs more calls (docs/performance.md)."""


class Wire(Protocol):
    """A body as urllib3 gives it."""

    def read1(self, amt: int, *, decode_content: bool) -> bytes:
        """What has come, up to ``amt`` bytes; nothing at the end."""

    def shutdown(self) -> None:
        """Wake up the thread that waits in ``read1``."""


class Body:
    """The bytes of one body, in pieces of up to ``CHUNK``. ``seconds``: for all of it; ``most``: bytes;
    ``advice``: ends the sentence about a body that is too much."""

    def __init__(
        self,
        wire: Wire,
        headers: Mapping[str, str],
        *,
        seconds: float,
        most: int,
        stopping: threading.Event,
        advice: str = "",
    ) -> None:
        self._wire = wire
        self._encoding = headers.get("Content-Encoding", "identity").strip().lower()
        self._seconds = seconds
        self._most = most
        self._stopping = stopping
        self._advice = advice

    def __iter__(self) -> Iterator[bytes]:
        """Raises ``SourceUnavailable`` if packed bytes are cut or damaged, ``SourceTooSlow`` for more bytes than
        there may be, ``DeadlineExceeded``, and ``Terminated``."""
        left = self._most
        for piece in self._unpacked():
            left -= len(piece)
            if left < 0:
                raise SourceTooSlow(
                    f"Socrata's answer is longer than {self._most:,} bytes unpacked{self._advice}"
                )
            yield piece

    def _unpacked(self) -> Iterator[bytes]:
        if self._encoding in ("identity", ""):
            return self._received()
        if self._encoding in ("gzip", "x-gzip"):
            return _inflated(self._received())
        raise SourceUnavailable(
            f"Socrata's answer is packed as {self._encoding[:40]}, which was not asked for; a proxy may "
            "stand between"
        )

    def _received(self) -> Iterator[bytes]:
        with Deadline(self._seconds, self._wire.shutdown) as deadline:
            while piece := self._read(deadline):
                if self._stopping.is_set():
                    raise Terminated
                yield piece

    def _read(self, deadline: Deadline) -> bytes:
        try:
            piece = self._wire.read1(CHUNK, decode_content=False)
        except Exception:
            self._check(deadline)
            raise
        self._check(deadline)  # the end that the deadline made looks like any other
        return piece

    def _check(self, deadline: Deadline) -> None:
        if deadline.is_over:
            raise DeadlineExceeded(
                f"Socrata's answer went on for more than {self._seconds:g} s{self._advice}"
            )


def _inflated(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Unpacked: one gzip member, or several in a row, which are one stream together."""
    inflate = isal_zlib.decompressobj(wbits=31)
    for piece in pieces:
        waiting = piece
        while waiting:
            if inflate.eof:
                inflate = isal_zlib.decompressobj(wbits=31)
            yield _unpack(inflate, waiting)
            waiting = inflate.unused_data if inflate.eof else inflate.unconsumed_tail
    yield inflate.flush()
    if not inflate.eof:
        raise SourceUnavailable("Socrata's answer was cut short inside its compressed body")


def _unpack(inflate: isal_zlib.Decompress, packed: bytes) -> bytes:
    """Up to ``CHUNK`` bytes: a tiny body may hold gigabytes."""
    try:
        return inflate.decompress(packed, CHUNK)
    except igzip_lib.IsalError as exc:  # type: ignore[misc]  # its stub knows no class
        raise SourceUnavailable(f"Socrata's compressed answer is damaged: {exc}") from exc
