"""The product's own client against the simulator: description, counts and rows to the end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from socrata_simulator.http.server import Server
from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.portal.faults import Fault
from socrata_simulator.portal.portal import Portal
from socratasync.errors import (
    AuthenticationFailed,
    DatasetNotFound,
    InvalidAppToken,
    InvalidQuery,
    SchemaChanged,
    SourceThrottled,
    SourceTooSlow,
    SourceUnavailable,
    SyncError,
)
from socratasync.pipeline.columns import Column
from socratasync.pipeline.source import soql
from socratasync.pipeline.source.client import Source
from socratasync.pipeline.source.retry import RetryPolicy

ONCE = RetryPolicy(attempts=1)


@pytest.fixture(name="many", autouse=True)
def _many(portal: Portal) -> Dataset:
    return portal.add_synthetic("many-0001", 250, seed=5)


@pytest.fixture(name="source")
def _source(socrata: Server) -> Source:
    return Source(socrata.domain, policy=ONCE)


def columns(source: Source) -> tuple[Column, ...]:
    found = source.metadata("many-0001").columns
    return tuple(
        Column(name=c.field, field=c.field, source_type=c.canonical, type="text") for c in found
    )


def pages(source: Source, limit: int, where: str | None = None) -> Iterator[list[bytes]]:
    """The lines of every page without its header; the last has none."""
    wanted, after = columns(source), None
    while True:
        parameters = soql.rows(wanted, where=where, after=after, limit=limit)
        with source.rows("many-0001", parameters) as stream:
            lines = b"".join(stream).splitlines()[1:]
        assert stream.header == soql.header(wanted)
        yield lines
        if not lines:
            return
        after = stream.last_id


def test_the_description_is_read(source: Source, many: Dataset) -> None:
    metadata = source.metadata("many-0001")

    assert [c.field for c in metadata.columns] == [f.name for f in many.fields]
    assert [c.canonical for c in metadata.columns[:2]] == ["text", "floating_timestamp"]
    assert metadata.rows_updated_at is not None
    assert metadata.rows_updated_at.timestamp() == many.truth.changed_at // 1000


def test_the_count_and_the_newest_change_are_read(source: Source, many: Dataset) -> None:
    assert source.count("many-0001", soql.count(None)) == 250
    now = datetime.now(UTC)
    newest = source.newest("many-0001", soql.newest(soql.Watermark(), None, now))
    assert newest == soql.parse_timestamp(str(many.rows()[-1][":updated_at"]))


@pytest.mark.parametrize("limit", [1, 7, 100, 250, 1000])
def test_pages_hold_every_row_once_whatever_their_size(
    source: Source, many: Dataset, limit: int
) -> None:
    if limit == 1:
        many.delete(many.ids()[5:])
    lines = [line for page in pages(source, limit) for line in page]

    assert [line.rsplit(b",", 1)[1].strip(b'"').decode() for line in lines] == many.ids()


def test_only_what_changed_since_is_read(source: Source, many: Dataset) -> None:
    before = datetime.now(UTC) + timedelta(days=1)
    changed = many.ids()[3:200:50]
    many.update(changed, status="Reopened")
    stamp = soql.parse_timestamp(str(many.rows()[3][":updated_at"]))

    where = soql.since(soql.Watermark(), stamp)
    lines = [line for page in pages(source, 2, where) for line in page]
    assert [line.rsplit(b",", 1)[1].strip(b'"').decode() for line in lines] == changed
    later = soql.since(soql.Watermark(), before)
    assert source.count("many-0001", soql.count(later)) == 0
    assert not source.has_rows("many-0001", later)
    assert source.has_rows("many-0001", where)


def test_a_wall_clock_watermark_is_understood(source: Source, many: Dataset) -> None:
    mark = soql.Watermark(field="updateddate", floating=True)
    many.update(many.ids()[0], updateddate="3020-01-01T00:00:00.000")
    newest = source.newest("many-0001", soql.newest(mark, None, datetime(2030, 1, 1, tzinfo=UTC)))

    latest = max(str(r["updateddate"]) for r in many.rows()[1:])
    assert newest == soql.parse_timestamp(latest)
    assert source.count("many-0001", soql.count(soql.since(mark, newest))) >= 2


def test_the_bytes_on_the_wire_are_compressed(source: Source) -> None:
    wanted = columns(source)
    with source.rows("many-0001", soql.rows(wanted, where=None, after=None, limit=250)) as stream:
        body = b"".join(stream)

    assert stream.bytes == len(body)
    assert 0 < stream.wire_bytes < len(body) / 2


def test_the_stream_says_when_the_replica_is_behind(source: Source, many: Dataset) -> None:
    wanted = columns(source)
    many.lag()
    many.delete(many.ids()[0])
    with source.rows("many-0001", soql.rows(wanted, where=None, after=None, limit=5)) as stream:
        b"".join(stream)

    assert stream.replica.as_of is not None


MEETINGS: list[tuple[Fault, type[SyncError]]] = [
    (Fault.status(202), SourceUnavailable),
    (Fault.status(404), DatasetNotFound),
    (Fault.status(408), SourceTooSlow),
    (Fault.status(429), SourceThrottled),
    (Fault.status(500), SourceUnavailable),
    (Fault.status(502), SourceUnavailable),
    (Fault.status(503), SourceUnavailable),
    (Fault.bare_error(), SourceUnavailable),
    (Fault.invalid_token(), InvalidAppToken),
    (Fault.login_page(), SourceUnavailable),
    (Fault.redirect("https://elsewhere.example/x"), SourceUnavailable),
    (Fault.firewall(), SourceUnavailable),
    (Fault.reset(), SourceUnavailable),
    (Fault.hang_up(), SourceUnavailable),
]


@pytest.mark.parametrize(("fault", "error"), MEETINGS, ids=[f"{n}" for n in range(len(MEETINGS))])
def test_every_answer_that_is_not_data_becomes_an_error_of_ours(
    portal: Portal, source: Source, fault: Fault, error: type[SyncError]
) -> None:
    portal.faults.add(fault, times=None)

    with pytest.raises(error):
        source.count("many-0001", soql.count(None))


BODIES = [
    (Fault.reset(2000), "failed"),
    (Fault.hang_up(2000), "failed"),
    (Fault.truncated(2000, compressed=True), "cut short inside its compressed body"),
    (Fault.truncated(20), "cut short inside the header line"),
    (Fault.truncated(0), "cut short before the header line"),
]


@pytest.mark.parametrize(
    ("fault", "sentence"), BODIES, ids=["reset", "hang up", "gzip", "header", "empty"]
)
def test_a_body_that_is_cut_is_noticed(
    portal: Portal, source: Source, fault: Fault, sentence: str
) -> None:
    wanted = columns(source)
    portal.faults.add(fault)

    with (
        pytest.raises(SourceUnavailable, match=sentence),
        source.rows("many-0001", soql.rows(wanted, where=None, after=None, limit=250)) as stream,
    ):
        b"".join(stream)


def test_what_was_throttled_is_asked_again(portal: Portal, socrata: Server) -> None:
    patient = Source(socrata.domain, policy=RetryPolicy(attempts=4, first_wait=0.0))
    portal.faults.add(Fault.status(429, retry_after=0))
    portal.faults.add(Fault.status(202))
    portal.faults.add(Fault.status(503))

    assert patient.count("many-0001", soql.count(None)) == 250


def test_a_private_dataset_wants_credentials(
    portal: Portal, socrata: Server, source: Source
) -> None:
    portal["many-0001"].make_private()

    with pytest.raises(AuthenticationFailed, match="private"):
        source.metadata("many-0001")
    wrong = Source(socrata.domain, credentials=("ada", "wrong"), policy=ONCE)
    with pytest.raises(AuthenticationFailed, match="credentials"):
        wrong.metadata("many-0001")
    right = Source(socrata.domain, credentials=("ada", "secret"), policy=ONCE)
    assert right.metadata("many-0001").id == "many-0001"


def test_a_known_token_is_used_and_an_unknown_one_named(socrata: Server) -> None:
    assert Source(socrata.domain, app_token="token", policy=ONCE).metadata("many-0001")
    with pytest.raises(InvalidAppToken):
        Source(socrata.domain, app_token="wrong", policy=ONCE).metadata("many-0001")


def test_a_column_that_went_is_told_apart_from_a_bad_condition(
    source: Source, many: Dataset
) -> None:
    wanted = columns(source)
    many.drop_column("owner")

    with (
        pytest.raises(SchemaChanged),
        source.rows("many-0001", soql.rows(wanted, where=None, after=None, limit=5)),
    ):
        pass
    with pytest.raises(InvalidQuery):
        source.count("many-0001", soql.count("status = 5"))
