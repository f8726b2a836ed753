"""The product's own client against the simulator: description, counts and rows to the end."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from socrata_simulator.http.server import Server
from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.portal.faults import Fault
from socrata_simulator.portal.portal import Portal
from socratasync.errors import (
    AppTokenRequired,
    AuthenticationFailed,
    DatasetNotFound,
    InterfaceChanged,
    InvalidAppToken,
    InvalidQuery,
    InvalidSpec,
    SchemaChanged,
    SourceThrottled,
    SourceTooSlow,
    SourceUnavailable,
    SyncError,
)
from socratasync.pipeline.columns import Column
from socratasync.pipeline.source import soql
from socratasync.pipeline.source.client import Source
from socratasync.pipeline.source.deadlines import Timeouts
from socratasync.pipeline.source.retry import RetryPolicy

ONCE = RetryPolicy(attempts=1)
PATIENT = RetryPolicy(attempts=4, first_wait=0.001)


@pytest.fixture(name="many", autouse=True)
def _many(portal: Portal) -> Dataset:
    return portal.add_synthetic("many-0001", 250, seed=5)


@pytest.fixture(name="source", params=["SODA2", "SODA3"])
def _source(socrata: Server, request: pytest.FixtureRequest) -> Source:
    return Source(socrata.domain, api=request.param, app_token="token", policy=ONCE)


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
    assert [c.label for c in metadata.columns[:2]] == ["SRNumber", "CreatedDate"]
    assert metadata.hidden == ()
    assert metadata.rows_updated_at is not None
    assert metadata.rows_updated_at.timestamp() == many.truth.changed_at // 1000


def test_a_hidden_column_is_named_and_a_label_is_one_short_line(
    source: Source, many: Dataset
) -> None:
    many.add_column("fee", "number", hidden=True)
    many.add_column("odd", "text", "a\x1b[31m\n " + "b" * 200)

    metadata = source.metadata("many-0001")

    assert metadata.hidden == ("fee",)
    assert metadata.columns[-1].field == "odd"
    assert metadata.columns[-1].label == "a [31m " + "b" * 93


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

    for ask in (source.metadata, lambda dataset: source.count(dataset, soql.count(None))):
        with pytest.raises(AuthenticationFailed, match="the dataset is private"):
            ask("many-0001")
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


KEY = {"key_1": "name", "key_2": "lit"}


@pytest.fixture(name="halls")
def _halls(portal: Portal) -> Dataset:
    columns = [("name", "text"), ("lit", "checkbox")]
    names = [
        ("a", True),
        ("a", True),
        ("a", False),
        ("b", True),
        ("b", True),
        ("b", True),
        (None, True),
    ]
    rows = [{"name": name, "lit": lit} for name, lit in names]
    return portal.add_dataset("hall-0001", columns, rows)


def test_keys_that_rows_share_or_lack_are_found(source: Source, halls: Dataset) -> None:
    found = source.sharing("hall-0001", soql.sharing(KEY, None, 10))

    assert [([group.key.get(name) for name in KEY], group.rows) for group in found] == [
        (["b", "true"], 3),
        (["a", "true"], 2),
        ([None, "true"], 1),
    ]
    assert len(source.sharing("hall-0001", soql.sharing(KEY, None, 2))) == 2
    assert source.sharing("hall-0001", soql.sharing(KEY, "name = 'x'", 2)) == []


def test_a_question_that_one_can_do_without_is_asked_once_and_not_waited_for(
    socrata: Server, portal: Portal, halls: Dataset
) -> None:
    portal.faults.add(Fault.delayed(1), times=1)
    timeouts = Timeouts(question=0.2)
    with contextlib.closing(Source(socrata.domain, policy=PATIENT, timeouts=timeouts)) as source:
        with pytest.raises(SourceTooSlow):
            source.sharing("hall-0001", soql.sharing(KEY, None, 10))
        portal.faults.add(Fault.status(503), times=1)
        with pytest.raises(SourceUnavailable):
            source.sharing("hall-0001", soql.sharing(KEY, None, 10))

        assert len(source.sharing("hall-0001", soql.sharing(KEY, None, 10))) == 3


# -- who may ask by SODA3 ----------------------------------------------------------------------------


def counted(domain: str, **words: Any) -> int:
    return Source(domain, api="SODA3", policy=PATIENT, **words).count("many-0001", soql.count(None))


@pytest.mark.parametrize("portal_wants", ["Open", "WantsToken"])
def test_a_missing_token_a_wrong_one_and_a_private_dataset_are_three_sentences(
    portal: Portal, socrata: Server, portal_wants: str
) -> None:
    portal.soda3 = portal_wants
    said: set[str] = set()

    if portal_wants == "Open":
        assert counted(socrata.domain) == 250
    else:
        with pytest.raises(AppTokenRequired, match=r"spec\.source\.appTokenSecretRef") as missing:
            counted(socrata.domain)
        assert len(portal.requests) == 1, "it is asked once"
        said.add(missing.value.message)
    with pytest.raises(InvalidAppToken, match="Correct") as wrong:
        counted(socrata.domain, app_token="wrong")
    assert counted(socrata.domain, app_token="token") == 250
    assert counted(socrata.domain, credentials=("ada", "secret")) == 250
    portal["many-0001"].make_private()
    with pytest.raises(AuthenticationFailed, match="the dataset is private") as private:
        counted(socrata.domain, app_token="token")
    said |= {wrong.value.message, private.value.message}

    assert len(said) == (3 if portal_wants == "WantsToken" else 2)


@pytest.mark.parametrize("portal_wants", ["Open", "WantsToken"])
def test_a_wrong_token_is_found_out_whatever_the_portal_says_of_it(
    portal: Portal, socrata: Server, portal_wants: str
) -> None:
    portal.soda3 = portal_wants
    portal.faults.add(Fault.status(403))

    with pytest.raises(InvalidAppToken, match=r"source\.appTokenSecretRef"):
        counted(socrata.domain, app_token="token")


# -- going over ----------------------------------------------------------------------------------------


def going_over(socrata: Server, **words: Any) -> Source:
    return Source(socrata.domain, policy=PATIENT, **words)


@pytest.mark.parametrize("status", [410, 501, 404, 403])
def test_a_question_is_asked_again_by_soda3_where_soda2_is_gone(
    portal: Portal, socrata: Server, status: int
) -> None:
    source = going_over(socrata)
    portal.soda2_ends(status=status)

    assert source.count("many-0001", soql.count(None)) == 250
    assert source.interface("many-0001") == "SODA3"
    assert source.why_changed("many-0001") == (
        f"/resource/many-0001.json of {socrata.domain} answers HTTP {status}; "
        "rows are read by SODA3 from now on"
    )
    assert source.why_changed("othr-0001") is None


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 408, 202])
def test_trouble_that_passes_makes_nobody_go_over(
    portal: Portal, socrata: Server, status: int
) -> None:
    source = going_over(socrata)
    portal.faults.add(Fault.status(status), times=2)

    assert source.count("many-0001", soql.count(None)) == 250
    assert source.interface("many-0001") == "SODA2"


@pytest.mark.parametrize("fault", [Fault.firewall(), Fault.status(403), Fault.status(404)])
def test_a_single_refusal_that_may_be_somebody_else_s_makes_nobody_go_over(
    portal: Portal, socrata: Server, fault: Fault
) -> None:
    source = going_over(socrata)
    portal.faults.add(fault)

    with contextlib.suppress(SyncError):
        source.count("many-0001", soql.count(None))

    assert source.interface("many-0001") == "SODA2"


def test_pages_do_not_go_on_where_those_of_the_other_interface_ended(
    portal: Portal, socrata: Server
) -> None:
    source = going_over(socrata)
    wanted = columns(source)
    portal.soda2_ends(status=410)
    page = soql.rows(wanted, where=None, after=None, limit=5)

    for _ in range(2):
        with pytest.raises(InterfaceChanged), source.rows("many-0001", page, by="SODA2"):
            pass
    with source.rows("many-0001", page, by="SODA3") as stream:
        assert len(b"".join(stream).splitlines()) == 6


def test_a_dataset_goes_back_where_soda3_comes_to_want_a_token(
    portal: Portal, socrata: Server
) -> None:
    source = going_over(socrata)
    source.go_on({"many-0001": "SODA3"})
    assert source.count("many-0001", soql.count(None)) == 250
    assert source.interface("many-0001") == "SODA3"

    portal.soda3 = "WantsToken"

    assert source.count("many-0001", soql.count(None)) == 250
    assert source.interface("many-0001") == "SODA2"


def test_soda3_that_wants_a_token_is_told_of_where_soda2_is_gone(
    portal: Portal, socrata: Server
) -> None:
    portal.soda3 = "WantsToken"
    portal.soda2_ends(status=410)

    with pytest.raises(AppTokenRequired, match=r"^SODA2 answers HTTP 410, and by SODA3") as caught:
        going_over(socrata).count("many-0001", soql.count(None))

    assert caught.value.exit_code == 77
    assert len(portal.requests) == 2, "each is asked once"


def test_an_interface_that_is_insisted_on_is_named_when_it_is_gone(
    portal: Portal, socrata: Server
) -> None:
    portal.soda2_ends(status=410)

    with pytest.raises(InvalidSpec, match=r"spec\.source\.api is SODA2\. Write Auto"):
        going_over(socrata, api="SODA2").count("many-0001", soql.count(None))
    assert going_over(socrata, api="Auto").count("many-0001", soql.count(None)) == 250


def test_what_is_redirected_is_not_asked_by_post_again(portal: Portal, socrata: Server) -> None:
    portal.faults.add(Fault.redirect("/api/v3/views/many-0001/query.json", 307))

    with pytest.raises(SourceUnavailable, match="which is not followed"):
        Source(socrata.domain, api="SODA3", policy=ONCE).count("many-0001", soql.count(None))

    assert len(portal.requests) == 1


def test_an_answer_with_more_columns_than_were_selected_is_asked_for_in_other_words(
    portal: Portal, socrata: Server, many: Dataset
) -> None:
    source = Source(socrata.domain, api="SODA3", policy=PATIENT)
    wanted = columns(source)
    many.unasked_columns = (":version",)
    portal.faults.add(Fault.doing(lambda: setattr(many, "unasked_columns", ())), after=1)
    page = soql.rows(wanted, where=None, after=None, limit=5)

    def read() -> tuple[list[str], int, str | None]:
        with source.rows("many-0001", page) as stream:
            lines = b"".join(stream).splitlines()
        return stream.header, len(lines), stream.last_id

    assert source.retrying(read) == (soql.header(wanted), 6, many.ids()[4])
    first, again = (
        parameters["$select"] for kind, _, parameters in portal.requests if kind == "rows"
    )
    assert first.endswith(",:updated_at,:id")
    assert again.endswith(":updated_at as sync_updated_at,:id as sync_row_id")


def test_announcements_of_an_end_are_heard_once(portal: Portal, socrata: Server) -> None:
    source = going_over(socrata)
    portal.notices = {"SODA2": {"Deprecation": "true", "Sunset": "Thu, 01 Jul 2027 00:00:00 GMT"}}

    for _ in range(2):
        source.count("many-0001", soql.count(None))

    (notice,) = source.notices
    assert (notice.interface, notice.date) == ("SODA2", datetime(2027, 7, 1, tzinfo=UTC))
