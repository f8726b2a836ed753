from __future__ import annotations

import gzip
import io
import threading

import pytest
import requests
import urllib3
from hypothesis import given
from hypothesis import strategies as st

from socratasync.errors import SourceTooSlow, SourceUnavailable, Terminated
from socratasync.pipeline.source.body import CHUNK, Body
from socratasync.pipeline.source.rowstream import RowStream

HEADER = b'"a",":updated_at",":id"\n'
BODY = HEADER + b'"1","2024-01-01T00:00:00.000Z","row-a"\n"2","2024-01-01T00:00:00.000Z","row-b"\n'


def stream(
    body: bytes,
    headers: dict[str, str] | None = None,
    *,
    most: int = 10**9,
    stopping: threading.Event | None = None,
) -> RowStream:
    """A page as it comes from the socket."""
    response = requests.Response()
    response.status_code = 200
    response.headers.update(headers or {})
    response.raw = urllib3.HTTPResponse(io.BytesIO(body), headers=headers, preload_content=False)
    read = Body(
        response.raw,
        response.headers,
        seconds=60.0,
        most=most,
        stopping=stopping or threading.Event(),
        advice="; a smaller source.pageSize may help",
    )
    return RowStream(response, read)


def packed(*bodies: bytes) -> RowStream:
    """A page of gzip members, one for each body."""
    return stream(b"".join(map(gzip.compress, bodies)), {"Content-Encoding": "gzip"})


def test_bytes_come_out_as_they_came_in() -> None:
    page = stream(BODY)

    assert b"".join(page) == BODY
    assert page.header == ["a", ":updated_at", ":id"]
    assert page.last_id == "row-b"
    assert page.bytes == len(BODY)


def test_a_packed_page_is_unpacked() -> None:
    page = packed(BODY)

    assert b"".join(page) == BODY
    assert page.wire_bytes < len(BODY) + 20


@pytest.mark.parametrize("cut", [1, len(HEADER) - 3, len(HEADER), len(BODY) - 4])
def test_a_page_packed_in_several_members_is_whole(cut: int) -> None:
    page = packed(BODY[:cut], BODY[cut:])

    assert b"".join(page) == BODY
    assert page.last_id == "row-b"


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=5))
def test_any_number_of_members_adds_up(members: list[bytes]) -> None:
    assert b"".join(packed(HEADER, *members)) == HEADER + b"".join(members)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(gzip.compress(BODY)[:-9], id="inside the data"),
        pytest.param(gzip.compress(BODY)[:-1], id="inside the checksum"),
        pytest.param(gzip.compress(BODY)[:5], id="inside its header"),
        pytest.param(gzip.compress(HEADER) + gzip.compress(BODY)[:-2], id="in a later member"),
    ],
)
def test_a_packed_page_that_is_cut_does_not_pass_for_whole(body: bytes) -> None:
    with pytest.raises(SourceUnavailable, match="cut short inside its compressed body"):
        list(stream(body, {"Content-Encoding": "gzip"}))


def test_a_packed_page_that_is_damaged_does_not_pass() -> None:
    body = bytearray(gzip.compress(BODY))
    body[len(body) // 2] ^= 0xFF

    with pytest.raises(SourceUnavailable, match="compressed answer is damaged"):
        list(stream(bytes(body), {"Content-Encoding": "gzip"}))


def test_a_packing_that_was_not_asked_for_is_no_data() -> None:
    with pytest.raises(SourceUnavailable, match="packed as br"):
        list(stream(BODY, {"Content-Encoding": "br"}))


@pytest.mark.parametrize(
    ("body", "where"),
    [(b"", "before the header line"), (HEADER[:-1], "inside the header line")],
)
def test_a_page_cut_before_its_first_row_does_not_pass_for_empty(body: bytes, where: str) -> None:
    with pytest.raises(SourceUnavailable, match=where):
        list(stream(body))


def test_a_page_without_rows_has_no_last_id() -> None:
    page = stream(HEADER)

    assert b"".join(page) == HEADER
    assert page.last_id is None


@pytest.mark.parametrize(
    ("row", "last"),
    [
        pytest.param(b'"1","2024","row-qj7s_fjjw-ckwc"\n', "row-qj7s_fjjw-ckwc", id="ordinary"),
        pytest.param(b'"1","2024","row-qj7s_fjjw-ckwc"', "row-qj7s_fjjw-ckwc", id="no line end"),
        pytest.param(b'"1","2024","row-a.b~c_d"\r\n', "row-a.b~c_d", id="Windows' line end"),
        pytest.param(b'"x\ny\n","2024","row-b"\n', "row-b", id="line ends within a cell"),
        pytest.param(b'"a,""b"",\n","2024","row-c"\n', "row-c", id="quotes and commas in a cell"),
        pytest.param(b'"' + b"x" * 5000 + b'","2024","row-d"\n', "row-d", id="a long cell"),
        pytest.param(b',"2024","row-e"\n', "row-e", id="a null cell"),
        pytest.param(b'"\n\n\n","2024","row-f"\n', "row-f", id="a cell of line ends"),
        pytest.param(b'"1",,"row-g"\n', "row-g", id="a null change"),
    ],
)
def test_the_last_id_is_that_of_the_last_row(row: bytes, last: str) -> None:
    page = stream(BODY + row)
    list(page)

    assert page.last_id == last


def test_the_last_id_survives_the_border_between_two_chunks() -> None:
    row = b'"' + b"y" * 30 + b'","2024-01-01T00:00:00.000Z","row-last"\n'
    for shift in range(len(row) + 2):
        padding = b"x" * (CHUNK - len(HEADER) - 3 - shift)
        page = packed(HEADER + b'"' + padding + b'"', b"\n" + row)
        list(page)
        assert page.last_id == "row-last"


def test_chunks_stay_small_however_well_the_body_packs() -> None:
    body = HEADER + b'"' + b"x" * 50_000_000 + b'","2024","row-a"\n'

    page = packed(body)
    largest = max(len(chunk) for chunk in page)

    assert largest <= 2 * CHUNK
    assert page.bytes == len(body)


def test_a_page_that_is_too_long_is_given_up() -> None:
    with pytest.raises(SourceTooSlow, match=r"source\.pageSize"):
        list(stream(BODY, most=len(BODY) - 1))


def test_a_byte_order_mark_is_taken_off() -> None:
    page = packed(b"\xef\xbb\xbf" + BODY)

    assert b"".join(page) == BODY
    assert page.header[0] == "a"


@pytest.mark.parametrize(
    "cell", [b'"row a"', b'""', b'"' + b"x" * 201 + b'"', b'"row-\xff"', b"row\ta", b"</html>\x00"]
)
def test_what_cannot_be_an_id_is_none(cell: bytes) -> None:
    page = stream(BODY + b'"1","2024",' + cell + b"\n")
    list(page)

    assert page.last_id is None


def test_a_run_that_is_stopped_reads_no_further() -> None:
    stopping = threading.Event()
    stopping.set()

    with pytest.raises(Terminated):
        list(stream(BODY, stopping=stopping))


@pytest.mark.parametrize(
    ("headers", "certain"),
    [
        ({"Content-Length": "9"}, True),
        ({"Transfer-Encoding": "chunked"}, True),
        ({"Content-Encoding": "gzip"}, False),
        ({}, False),
    ],
)
def test_only_a_body_with_a_marked_end_is_certain_to_be_whole(
    headers: dict[str, str], certain: bool
) -> None:
    assert stream(BODY, headers).end_is_certain is certain


def test_a_header_line_with_aliases_leaves_under_the_names_that_they_stand_for() -> None:
    page = stream(b'"a","sync_updated_at","sync_row_id"\n"1","2024-01-01T00:00:00.000Z","row-a"\n')
    aliased = RowStream(
        page._response, page._body, aliases={"sync_updated_at": ":updated_at", "sync_row_id": ":id"}
    )

    assert b"".join(aliased) == HEADER + b'"1","2024-01-01T00:00:00.000Z","row-a"\n'
    assert aliased.header == ["a", ":updated_at", ":id"]
    assert aliased.last_id == "row-a"


def test_a_page_without_rows_has_no_last_one_whatever_its_header_line_was_called() -> None:
    page = stream(b'"a","b"\n')
    aliased = RowStream(page._response, page._body, aliases={"b": ":updated_at_and_longer"})

    assert b"".join(aliased) == b'"a",":updated_at_and_longer"\n'
    assert aliased.last_id is None


def test_a_header_line_that_will_not_do_is_found_before_a_byte_leaves() -> None:
    def refuse(header: list[str]) -> None:
        raise SourceUnavailable(",".join(header))

    page = stream(BODY)
    checked = RowStream(page._response, page._body, check=refuse)

    with pytest.raises(SourceUnavailable, match=r"^a,:updated_at,:id$"):
        next(iter(checked))
