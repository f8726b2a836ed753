"""Bodies ready to send: compressed, in chunks, and kept in memory to be sent again.

A body that is kept is sent as it is, so that a simulator that was warmed does little but write to
sockets. Only answers that never change are kept: those to queries with an order, and aggregates.
"""

from __future__ import annotations

import threading
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping

from socrata_simulator.http.answer import csv_body, json_body
from socrata_simulator.portal.dataset import Dataset, State
from socrata_simulator.portal.interfaces import SODA2, SODA3
from socrata_simulator.rows.table import Table
from socrata_simulator.soql.query import Query, parse
from socrata_simulator.soql.soda3 import Wishes, parse_soda3, seen_by_soda3

CHUNK = 64 * 1024
KEPT_BYTES = 512 * 1024 * 1024


def written(query: Query, extension: str) -> Iterator[bytes]:
    """The answer as CSV or JSON text, in pieces."""
    write = csv_body if extension == "csv" else json_body
    positions = () if query.is_summary else query.positions()
    return write(query, positions)


def bomb(query: Query, size: int) -> Iterator[bytes]:
    """The CSV header line of the answer, and a row whose first cell has so many bytes."""
    yield next(csv_body(query, ()))
    yield b'"'
    piece = b"x" * CHUNK
    for _ in range(size // CHUNK):
        yield piece
    yield b"x" * (size % CHUNK) + b'"\n'


def compressed(pieces: Iterator[bytes], level: int) -> Iterator[bytes]:
    """The pieces as one gzip stream."""
    deflate = zlib.compressobj(level, zlib.DEFLATED, 31)
    for piece in pieces:
        if out := deflate.compress(piece):
            yield out
    yield deflate.flush()


def chunked(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The pieces as HTTP chunks of up to ``CHUNK`` bytes; the last chunk is empty, as HTTP wants it."""
    waiting = bytearray()
    for piece in pieces:
        waiting += piece
        while len(waiting) >= CHUNK:
            yield b"%x\r\n%b\r\n" % (CHUNK, bytes(waiting[:CHUNK]))
            del waiting[:CHUNK]
    if waiting:
        yield b"%x\r\n%b\r\n" % (len(waiting), bytes(waiting))
    yield b"0\r\n\r\n"


def up_to(pieces: Iterator[bytes], size: int | None) -> Iterator[bytes]:
    """The first ``size`` bytes of the pieces; all of them if it is None."""
    for piece in pieces:
        if size is not None and len(piece) >= size:
            yield piece[:size]
            return
        size = None if size is None else size - len(piece)
        yield piece


def midway(
    pieces: Iterator[bytes], stop: tuple[int, Callable[[], object]] | None
) -> Iterator[bytes]:
    """The pieces; after so many bytes of them ``stop``'s action is called. None: no action."""
    if stop is None:
        yield from pieces
        return
    size, action = stop
    for piece in pieces:
        if 0 <= size < len(piece):
            yield piece[:size]
            action()
            piece, size = piece[size:], 0
        size = size - len(piece) if size else -1
        yield piece


class Pages:
    """Bodies by table and request. The least recently used are dropped at ``kept_bytes``."""

    def __init__(self, kept_bytes: int = KEPT_BYTES, *, gzip_level: int = 1) -> None:
        self.gzip_level = gzip_level
        self._lock = threading.Lock()
        self._kept: OrderedDict[object, bytes] = OrderedDict()
        self._bytes = 0
        self._limit = kept_bytes

    @property
    def size(self) -> int:
        """The bytes of all bodies that are kept."""
        with self._lock:
            return self._bytes

    def body(
        self,
        dataset: Dataset,
        state: State,
        query: Query,
        parameters: Mapping[str, str],
        extension: str,
        *,
        gzip: bool,
    ) -> Iterator[bytes]:
        """The chunked body of the answer to ``query``, which is ``parameters`` parsed against ``state``."""
        key = (dataset.serial, state.version, _identity(query, parameters), extension, gzip)
        if not query.is_stable:
            yield from self._made(query, extension, gzip=gzip)
            return
        kept = self._get(key)
        if kept is not None:
            yield kept
            return
        made = bytearray()
        for piece in self._made(query, extension, gzip=gzip):
            made += piece
            yield piece
        self._keep(key, bytes(made))

    def warm(
        self, dataset: Dataset, *, page_size: int, select: str | None, interface: str = SODA2
    ) -> int:
        """Make the pages that a client asks for who reads everything by keyset; returns their bytes."""
        columns = [f.name for f in dataset.fields if not f.hidden]
        parameters = {
            "$select": select or ",".join([*columns, ":updated_at", ":id"]),
            "$order": ":id",
            "$limit": str(page_size),
        }
        state = dataset.shown
        table = seen_by_soda3(state.table, dataset) if interface == SODA3 else state.table
        total = 0
        for start in range(0, len(table) + page_size, page_size):
            after = min(start, len(table))
            if start:
                parameters["$where"] = f":id > '{table.row_id(after - 1)}'"
            query = _parsed(table, parameters, dataset, interface)
            body = self.body(dataset, state, query, parameters, "csv", gzip=True)
            total += sum(map(len, body))
        return total

    def _made(self, query: Query, extension: str, *, gzip: bool) -> Iterator[bytes]:
        pieces = written(query, extension)
        return chunked(compressed(pieces, self.gzip_level) if gzip else pieces)

    def _get(self, key: object) -> bytes | None:
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None:
                self._kept.move_to_end(key)
            return kept

    def _keep(self, key: object, body: bytes) -> None:
        with self._lock:
            self._bytes += len(body) - len(self._kept.pop(key, b""))
            self._kept[key] = body
            while self._bytes > self._limit:
                _, dropped = self._kept.popitem(last=False)
                self._bytes -= len(dropped)


def _identity(query: Query, parameters: Mapping[str, str]) -> object:
    """What tells the answer to one query from that to another, however either was written."""
    columns: object = tuple((o.name, o.source) for o in query.outputs)
    if query.is_summary or any(o.value for o in query.outputs):
        clauses = (parameters.get(name, "") for name in ("$select", "$group", "$having"))
        columns = *clauses, columns
    rows = (query.where, query.first, query.last, query.offset, query.limit)
    # The key is in every :id, and a dataset may begin to have others by SODA3 without a change of rows.
    return columns, rows, parameters.get("$order", ""), query.dialect, query.table.key


def _parsed(table: Table, parameters: Mapping[str, str], dataset: Dataset, interface: str) -> Query:
    """The query as a client asks it who wants the selected columns and no others."""
    if interface == SODA3:
        wishes = Wishes(include_synthetic=False)
        return parse_soda3(table, parameters, dataset.id, wishes, dataset)
    return parse(table, parameters, dataset.id)
