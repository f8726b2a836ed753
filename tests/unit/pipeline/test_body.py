"""Bodies that drip, do not end, or unpack to more than anybody has room for."""

from __future__ import annotations

import gzip
import threading
import zlib
from collections.abc import Iterator

import pytest

from socratasync.errors import DeadlineExceeded, SourceTooSlow, SourceUnavailable, Terminated
from socratasync.pipeline.source.body import CHUNK, Body
from socratasync.pipeline.source.deadlines import Deadline


class Pieces:
    """A wire that gives these pieces, and then ``end``."""

    def __init__(self, pieces: Iterator[bytes] | list[bytes], *, hangs: bool = False) -> None:
        self._pieces = iter(pieces)
        self._woken = threading.Event()
        self._hangs = hangs

    def read1(self, amt: int, *, decode_content: bool) -> bytes:
        piece = next(self._pieces, b"")
        assert len(piece) <= amt
        if not piece and self._hangs:
            assert self._woken.wait(20)
        return piece

    def shutdown(self) -> None:
        self._woken.set()


class Failing(Pieces):
    """A wire that fails when it is woken."""

    def read1(self, amt: int, *, decode_content: bool) -> bytes:
        if not (piece := super().read1(amt, decode_content=decode_content)):
            raise ConnectionResetError
        return piece


def body(wire: Pieces, *, packed: bool = False, seconds: float = 60.0, most: int = 10**9) -> Body:
    headers = {"Content-Encoding": "gzip"} if packed else {}
    return Body(wire, headers, seconds=seconds, most=most, stopping=threading.Event())


def bomb(megabytes: int) -> list[bytes]:
    """Gzip that unpacks to so much."""
    deflate = zlib.compressobj(1, zlib.DEFLATED, 31)
    packed = b"".join(deflate.compress(b"x" * 2**20) for _ in range(megabytes)) + deflate.flush()
    return [packed[n : n + CHUNK] for n in range(0, len(packed), CHUNK)]


@pytest.mark.parametrize("wire", [Pieces, Failing], ids=["ends", "fails"])
@pytest.mark.parametrize("pieces", [[], [b"a", b"b"]], ids=["nothing", "something"])
def test_a_body_that_stops_coming_ends_by_its_deadline(
    wire: type[Pieces], pieces: list[bytes]
) -> None:
    """However the socket looks to the reader once it was shut down."""
    with pytest.raises(DeadlineExceeded, match=r"more than 0\.05 s"):
        list(body(wire(pieces, hangs=True), seconds=0.05))


def test_a_wire_that_fails_before_its_deadline_says_why() -> None:
    with pytest.raises(ConnectionResetError):
        list(body(Failing([b"a"])))


def test_a_size_is_that_of_the_unpacked_bytes() -> None:
    packed = bomb(8)
    assert sum(map(len, packed)) < 100_000
    came: list[int] = []
    with pytest.raises(SourceTooSlow, match="longer than 5,000,000 bytes"):
        came.extend(map(len, body(Pieces(packed), packed=True, most=5_000_000)))

    assert 4_000_000 < sum(came) <= 5_000_000


@pytest.mark.parametrize(("most", "passes"), [(9, False), (10, True), (11, True)])
@pytest.mark.parametrize("packed", [False, True])
def test_a_body_may_have_as_many_bytes_as_it_may(packed: bool, most: int, passes: bool) -> None:
    wire = Pieces([gzip.compress(b"0123456789") if packed else b"0123456789"])
    if passes:
        assert b"".join(body(wire, packed=packed, most=most)) == b"0123456789"
    else:
        with pytest.raises(SourceTooSlow):
            list(body(wire, packed=packed, most=most))


def test_a_body_without_an_end_is_given_up() -> None:
    def forever() -> Iterator[bytes]:
        while True:
            yield b"x" * CHUNK

    with pytest.raises(SourceTooSlow):
        list(body(Pieces(forever()), most=10 * CHUNK))


def test_a_run_that_is_stopped_reads_no_further() -> None:
    stopping = threading.Event()
    stopping.set()
    with pytest.raises(Terminated):
        list(Body(Pieces([b"a"]), {}, seconds=60, most=10, stopping=stopping))


@pytest.mark.parametrize("named", ["gzip", "GZIP", " x-gzip "])
def test_gzip_is_known_by_its_names(named: str) -> None:
    wire = Pieces([gzip.compress(b"a")])
    headers = {"Content-Encoding": named}
    stopping = threading.Event()
    assert next(iter(Body(wire, headers, seconds=60, most=10, stopping=stopping))) == b"a"


def test_a_packing_that_was_not_asked_for_is_refused_in_short() -> None:
    headers = {"Content-Encoding": "z" * 5000}
    with pytest.raises(SourceUnavailable) as caught:
        list(Body(Pieces([b"a"]), headers, seconds=60, most=10, stopping=threading.Event()))

    assert len(caught.value.message) < 200


def test_a_deadline_that_nobody_waits_for_does_no_harm() -> None:
    cut = threading.Event()

    def fails() -> None:
        cut.set()
        raise OSError

    with Deadline(0.0, fails) as deadline:
        assert cut.wait(20)

    assert deadline.is_over


def test_a_block_that_ends_in_time_is_not_cut() -> None:
    cut = threading.Event()
    with Deadline(3600, cut.set) as deadline:
        pass

    assert not deadline.is_over
    assert not cut.is_set()
