"""A report is read as it was written, whatever is in it; what is no report is none."""

from __future__ import annotations

import base64
import json
import lzma
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from socratasync import errors
from socratasync.contract.bad_values import BadValueExample, BadValues
from socratasync.contract.columns import LATER, pack
from socratasync.contract.notices import Notice
from socratasync.contract.progress import StepName
from socratasync.contract.report import ROW_COUNTS, DatasetReport, Rows, RunReport, TableSize
from socratasync.contract.report_text import (
    LARGEST_COUNT,
    TERMINATION_MESSAGE_BYTES,
    encode,
    fit,
    read,
)
from socratasync.contract.successors import Successor

RAW: dict[str, Any] = {
    "format": lzma.FORMAT_RAW,
    "filters": [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 20, "lc": 0, "lp": 0, "pb": 0}],
}

STEPS: tuple[StepName, ...] = ("download", "merge", "refresh")

messages = st.text(max_size=700)
sync_errors = st.none() | st.builds(errors.SchemaChanged, messages)
instants = st.none() | st.datetimes(
    datetime(1900, 1, 1),  # noqa: DTZ001  # the zone is added
    datetime(2200, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
counts = st.integers(0, 2**56) | st.integers(0, 1000)
rows = st.builds(Rows, **{**dict.fromkeys(ROW_COUNTS, counts), "target": st.none() | counts})
bad_values = st.builds(
    BadValues,
    nulled=counts,
    skipped=counts,
    examples=st.lists(
        st.builds(
            BadValueExample,
            row=st.text(max_size=80),
            column=st.text(max_size=63),
            value=st.none() | st.text(max_size=80),
        ),
        max_size=5,
    ).map(tuple),
)
dataset_reports = st.builds(
    DatasetReport,
    bad_values=bad_values,
    id=st.from_regex(r"[a-z0-9]{4}-[a-z0-9]{4}", fullmatch=True),
    year=st.none() | st.integers(1900, 2100),
    rows=rows,
    source_rows=st.none() | counts,
    source_updated_at=instants,
    last_synced_since=instants,
    verified=st.none() | st.booleans(),
    schema_in_sync=st.none() | st.booleans(),
    frozen_columns=st.none() | st.lists(st.text(min_size=1, max_size=63), max_size=40).map(tuple),
    api=st.sampled_from([None, "SODA2", "SODA3"]),
    api_changed=st.none() | messages,
    error=sync_errors,
)
notices = st.builds(
    Notice, st.sampled_from(["SODA2", "SODA3"]), st.text(max_size=500), st.none() | instants
)
columns = st.lists(st.text(max_size=80), max_size=30).map(tuple)
successors = st.builds(
    Successor,
    id=st.from_regex(r"[a-z0-9]{4}-[a-z0-9]{4}", fullmatch=True),
    name=st.text(max_size=200),
    year=st.none() | st.integers(1900, 2200),
    adopted=st.booleans(),
    columns_missing=columns,
    columns_new=columns,
    columns_changed=columns,
    reason=st.none() | messages,
)
reports = st.builds(
    RunReport,
    run=st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=63),
    mode=st.sampled_from(["update", "full"]),
    datasets=st.lists(dataset_reports, max_size=100),
    bytes=counts,
    seconds=st.dictionaries(st.sampled_from(STEPS), st.floats(0, 1e6)),
    warnings=st.lists(messages, max_size=30),
    notices=st.lists(notices, max_size=6),
    successors=st.none() | st.lists(successors, max_size=25),
    error=sync_errors,
    terminated=st.booleans(),
)


def told_of(report: RunReport) -> dict[str, Any]:
    """What of the report a status may tell."""
    told = report.as_dict()
    keep = ("id", "year", "rows", "sourceRows", "sourceUpdatedAt", "lastSyncedSince", "verified")
    datasets = [
        {
            **{name: d[name] for name in keep},
            "schemaInSync": d["schemaInSync"],
            "frozenColumns": d["frozenColumns"],
            "error": d["error"],
        }
        for d in told["datasets"]
    ]
    return {**told, "datasets": datasets}


def without_messages(report: Any) -> Any:
    """The same with its texts cut: only they may be shortened."""
    error = report.error and report.error.model_copy(update={"message": ""})
    datasets = [
        d.model_copy(update={"error": d.error and d.error.model_copy(update={"message": ""})})
        for d in report.datasets
    ]
    return report.model_copy(update={"error": error, "datasets": tuple(datasets), "warnings": ()})


def many(count: int, *, most: int, failed: bool, seed: int = 1) -> RunReport:
    """So many datasets with numbers up to ``most``, at random: nothing of them can be foretold."""
    chance = random.Random(seed)  # no secret
    letters = "abcdefghijkmnpqrstuvwxyz23456789"

    def dataset(number: int) -> DatasetReport:
        inserted, updated, unchanged = (chance.randrange(most) for _ in range(3))
        there = inserted + updated + unchanged
        id_ = "".join(chance.choices(letters, k=8))
        return DatasetReport(
            id=f"{id_[:4]}-{id_[4:]}",
            year=1970 + number,
            rows=Rows(
                downloaded=there + chance.randrange(9),
                inserted=inserted,
                updated=updated,
                unchanged=unchanged,
                deleted=chance.randrange(most // 10),
                target=there + chance.randrange(9),
            ),
            source_rows=there + chance.randrange(9),
            source_updated_at=datetime(2026, 11, 23, tzinfo=UTC)
            - timedelta(seconds=chance.randrange(10**9)),
            last_synced_since=datetime(2026, 11, 23, tzinfo=UTC)
            - timedelta(seconds=chance.randrange(10**5)),
            verified=bool(number % 2),
            schema_in_sync=bool(number % 3),
            frozen_columns=() if number % 3 else ("acres", "updated_by"),
            api="SODA2",
            error=errors.SchemaChanged(
                f"column {chance.choice(letters)}_{number} of {id_} is gone: {'ö' * 400}"
            )
            if failed
            else None,
        )

    return RunReport(
        run="la-311-of-a-long-name-28930000",
        mode="update",
        datasets=[dataset(number) for number in range(count)],
        bytes=10**12,
        seconds=dict.fromkeys(STEPS, 12345.678),
        warnings=[f"warning {number}: {'ü' * 480}" for number in range(30)],
    )


# -- written and read ---------------------------------------------------------------------------


@given(reports)
def test_what_standard_output_says_is_read_as_it_was_written(report: RunReport) -> None:
    found = read(encode(report.as_dict()))

    assert found is not None
    written = told_of(report)
    again = found.model_dump(mode="json", by_alias=True, exclude={"datasets"})
    assert (again["run"], again["ok"], again["rows"]) == (
        written["run"],
        written["ok"],
        written["rows"],
    )
    assert list(again["warnings"]) == written["warnings"]
    assert again["error"] == written["error"]
    assert [(d.id, d.year, d.source_rows, d.verified) for d in found.datasets] == [
        (d["id"], d["year"], d["sourceRows"], d["verified"]) for d in written["datasets"]
    ]


@given(reports)
def test_any_report_fits_and_every_dataset_arrives(report: RunReport) -> None:
    text = fit(report.as_dict())
    whole, found = read(encode(report.as_dict())), read(text)

    assert len(text.encode()) <= TERMINATION_MESSAGE_BYTES
    assert "\n" not in text
    assert whole is not None
    assert found is not None
    assert [d.id for d in found.datasets] == [d.id for d in whole.datasets]
    assert [d.error and d.error.reason for d in found.datasets] == [
        d.error and d.error.reason for d in whole.datasets
    ]
    assert [d.last_synced_since for d in found.datasets] == [
        d.last_synced_since for d in whole.datasets
    ]
    assert (found.rows, found.bytes, found.seconds) == (whole.rows, whole.bytes, whole.seconds)
    assert [d.api for d in found.datasets] == [d.api for d in whole.datasets]
    assert found.notices in (whole.notices, None)


@pytest.mark.parametrize("failed", [False, True], ids=["all well", "all failed"])
@pytest.mark.parametrize("most", [10, 10_000, 1_000_000])
def test_a_hundred_datasets_arrive_with_all_their_counts(most: int, *, failed: bool) -> None:
    report = many(100, most=most, failed=failed)
    whole, found = read(encode(report.as_dict())), read(fit(report.as_dict()))

    assert whole is not None
    assert found is not None
    assert without_messages(found) == without_messages(whole)
    assert found.warnings


def test_numbers_of_sixteen_digits_leave_the_datasets_and_the_sums() -> None:
    report = many(100, most=10**16, failed=True)
    whole, found = read(encode(report.as_dict())), read(fit(report.as_dict()))

    assert whole is not None
    assert found is not None
    assert found.rows == whole.rows
    assert [d.id for d in found.datasets] == [d.id for d in whole.datasets]
    assert all(d.error and d.last_synced_since for d in found.datasets)


def test_frozen_columns_that_have_no_room_are_counted() -> None:
    report = many(100, most=10_000, failed=True)
    for number, dataset in enumerate(report.datasets):
        dataset.frozen_columns = tuple(f"{number}_{n}_{dataset.id * 6}" for n in range(number))
    found = read(fit(report.as_dict()))

    assert found is not None
    assert [d.frozen_column_count for d in found.datasets] == list(range(100))
    assert all((d.frozen_columns or ()) == () for d in found.datasets)


def test_few_frozen_columns_are_named_and_many_counted() -> None:
    report = many(15, most=10_000, failed=False)
    report.datasets[3].frozen_columns = tuple(f"column_{n}" for n in range(60))
    found = read(fit(report.as_dict()))

    assert found is not None
    assert found.datasets[3].frozen_column_count == 60
    assert found.datasets[3].frozen_columns == report.datasets[3].frozen_columns[:10]
    assert found.datasets[0].frozen_columns == ("acres", "updated_by")
    assert found.datasets[1].frozen_columns == ()


def test_a_report_that_fits_stays_readable() -> None:
    report = many(2, most=1000, failed=False)
    report.warnings = []

    assert fit(report.as_dict()) == encode(report.as_dict())


def test_warnings_that_are_left_out_are_counted() -> None:
    found = read(fit(many(100, most=10_000, failed=False).as_dict()))

    assert found is not None
    assert found.warnings[-1] == f"{30 - len(found.warnings) + 1} more warnings; see the log"


ENDS = Notice(
    "SODA2",
    f"Sunset: Tue, 01 Jun 2027 00:00:00 GMT; {'no fixes. ' * 30}",
    datetime(2027, 6, 1, tzinfo=UTC),
)
GONE = "/resource of data.lacity.org answers HTTP 410; rows are read by SODA3 now"


@pytest.mark.parametrize(
    ("most", "failed", "told", "said"),
    [
        pytest.param(10_000, False, True, True, id="all well"),
        pytest.param(10**6, False, False, False, id="all well, with long numbers"),
        pytest.param(10_000, True, True, True, id="all failed"),
        pytest.param(10**6, True, False, False, id="all failed, with long numbers"),
    ],
)
def test_of_a_hundred_datasets_the_interface_arrives_and_of_notices_all_or_no_word(
    most: int, failed: bool, told: bool, said: bool
) -> None:
    report = many(100, most=most, failed=failed)
    report.notices = [ENDS]
    for dataset in report.datasets:
        dataset.api_changed = GONE

    found = read(fit(report.as_dict()))

    assert found is not None
    assert [d.api for d in found.datasets] == [d.api for d in report.datasets]
    assert (found.notices is not None) == told
    assert {d.api_changed for d in found.datasets} == ({GONE} if said else {None})


def test_a_run_that_was_told_of_no_end_says_so_however_little_room_there_is() -> None:
    found = read(fit(many(100, most=10**16, failed=True).as_dict()))

    assert found is not None
    assert found.notices == ()


def test_the_end_of_a_log_is_read_from_its_last_line() -> None:
    first, last = many(1, most=10, failed=False), many(1, most=10, failed=False)
    first.run = "an earlier one"
    log = f'{{"msg":"x"}}\nplain\n{encode(first.as_dict())}\n{encode(last.as_dict())}\n'

    found = read(log)
    assert found is not None
    assert found.run == last.run


# -- no report ----------------------------------------------------------------------------------

GOOD: dict[str, Any] = {"v": 1, "run": "r", "ok": True}


def test_what_a_later_version_adds_is_passed_over() -> None:
    later = {
        "rows": {"inserted": 1, "moved": 2},
        "seconds": {"verify": 1.0},
        "news": [],
        "datasets": [{"id": "a", "mood": 1}],
    }

    found = read(json.dumps({**GOOD, **later}))
    assert found is not None
    assert found.rows is not None
    assert found.rows.inserted == 1


def test_a_report_from_before_datasets_were_packed_is_read() -> None:
    short = {"id": "a", "year": 2020, "rows": {"target": 5}, "sourceRows": 5, "error": None}
    failed = {**short, "id": "b", "rows": {}, "error": {"reason": "BadValue", "message": ""}}
    former = {"datasets": [short, failed], "datasetsLeftOut": 98, "seconds": {"stage": 0.1}}

    found = read(json.dumps({**GOOD, **former}))
    assert found is not None
    assert [(d.id, d.error and d.error.reason) for d in found.datasets] == [
        ("a", None),
        ("b", "BadValue"),
    ]


def test_a_packed_report_of_the_release_before_lacks_what_came_later() -> None:
    report = many(2, most=10, failed=False).as_dict()["datasets"]
    packed = json.loads(lzma.decompress(base64.b85decode(pack(report)), **RAW))
    former = base64.b85encode(
        lzma.compress(json.dumps(packed[: -len(LATER)]).encode(), **RAW)
    ).decode()

    found = read(json.dumps({**GOOD, "datasets": former}))
    assert found is not None
    assert [d.id for d in found.datasets] == [d["id"] for d in report]
    assert [d.frozen_column_count for d in found.datasets] == [None, None]


def test_the_least_that_is_a_report() -> None:
    assert read(json.dumps(GOOD)) is not None


FILTERS = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 20, "lc": 0, "lp": 0, "pb": 0}]


def bomb() -> str:
    """Datasets that are a few characters and grow to a hundred megabytes."""
    packed = lzma.compress(b"[" + b" " * 10**8, format=lzma.FORMAT_RAW, filters=FILTERS)
    return base64.b85encode(packed[:2500]).decode()


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"v": 2}, id="another version"),
        pytest.param({"v": True}, id="a version that is a truth"),
        pytest.param({"ok": "yes"}, id="a word for a truth"),
        pytest.param({"run": "r" * 300}, id="an endless name"),
        pytest.param({"rows": {"inserted": 10**30}}, id="more rows than there can be"),
        pytest.param({"rows": {"inserted": LARGEST_COUNT + 1}}, id="one more than there can be"),
        pytest.param({"rows": {"inserted": -1}}, id="fewer than none"),
        pytest.param({"rows": {"inserted": True}}, id="a truth for a count"),
        pytest.param({"rows": {"inserted": "5"}}, id="a word for a count"),
        pytest.param({"rows": {"inserted": 1.5}}, id="half a row"),
        pytest.param({"bytes": 10**30}, id="more bytes than there can be"),
        pytest.param({"seconds": {"download": -1.0}}, id="less than no time"),
        pytest.param({"error": {"reason": "R" * 300, "message": ""}}, id="an endless reason"),
        pytest.param({"error": {"reason": "not a reason!", "message": ""}}, id="no reason"),
        pytest.param({"error": {"reason": "Failed", "message": "x" * 5000}}, id="endless words"),
        pytest.param({"warnings": "x"}, id="a word for a list"),
        pytest.param({"datasets": [{"id": f"{n}"} for n in range(101)]}, id="too many datasets"),
        pytest.param({"datasets": [{"id": "a", "sourceRows": 10**30}]}, id="too many source rows"),
        pytest.param({"datasets": [{"id": "a", "lastSyncedSince": "soon"}]}, id="no time"),
        pytest.param(
            {"datasets": [{"id": "a", "lastSyncedSince": "2026-01-01T00:00:00"}]}, id="no zone"
        ),
        pytest.param(
            {"datasets": [{"id": "a", "frozenColumns": ["c" * 65]}]}, id="an endless column"
        ),
        pytest.param(
            {"datasets": [{"id": "a", "frozenColumnCount": 1601}]},
            id="more columns than there can be",
        ),
        pytest.param({"datasets": [{"id": "a", "api": "S" * 65}]}, id="an endless interface"),
        pytest.param(
            {"notices": [{"interface": "SODA2", "text": "x" * 4097}]}, id="an endless notice"
        ),
        pytest.param({"notices": [{"interface": "SODA2", "text": "x"}] * 101}, id="many notices"),
        pytest.param({"datasets": "?"}, id="nothing packed"),
        pytest.param({"datasets": 'not base 85: " '}, id="other characters"),
        pytest.param({"datasets": bomb()}, id="a bomb"),
        pytest.param({"datasets": 7}, id="a number for datasets"),
    ],
)
def test_what_the_status_could_not_carry_is_no_report(wrong: dict[str, Any]) -> None:
    assert read(json.dumps({**GOOD, **wrong})) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[1]",
        '{"v":1',
        "null",
        "7",
        "[" * 60_000,
        '{"v":1,"run":"r","ok":true,"x":' + "[" * 60_000,
        '{"v":1,"run":"\\ud800","ok":true}',
        '{"v":1,"run":"r","ok":true,"bytes":NaN}',
        '{"v":1,"run":"r","ok":true,"bytes":' + "9" * 5000 + "}",
    ],
    ids=lambda text: text[:40],
)
def test_what_is_no_report_is_none(text: str) -> None:
    assert read(text) is None


@given(st.text(max_size=200), st.binary(max_size=200))
def test_nothing_that_is_read_raises(text: str, packed: bytes) -> None:
    datasets = base64.b85encode(packed).decode()

    read(text)
    read(json.dumps({**GOOD, "x": text}))
    assert read(json.dumps({**GOOD, "datasets": datasets})) is None


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=4),
        max_leaves=40,
    )
)
@example(columns=[[None, None, []], [[], True, [None]]])
def test_columns_of_another_form_are_no_report(columns: Any) -> None:
    packed = lzma.compress(json.dumps(columns).encode(), **RAW)

    found = read(json.dumps({**GOOD, "datasets": base64.b85encode(packed).decode()}))
    assert found is None or found.datasets == ()


def test_no_datasets_are_packed_too() -> None:
    found = read(json.dumps({**GOOD, "datasets": pack([])}))

    assert found is not None
    assert found.datasets == ()


# -- bad values ---------------------------------------------------------------------------------


def with_bad_values(report: RunReport, most: int, length: int) -> RunReport:
    chance = random.Random(2)  # no secret
    for dataset in report.datasets:
        dataset.bad_values = BadValues(
            nulled=chance.randrange(most),
            skipped=chance.randrange(most),
            examples=tuple(
                BadValueExample(row=f"row-{chance.random()}", column=f"c{n}", value="ü" * length)
                for n in range(5)
            ),
        )
    return report


def test_bad_values_arrive_with_their_examples() -> None:
    report = with_bad_values(many(2, most=1000, failed=False), 9, 8)
    report.warnings = []

    found = read(fit(report.as_dict()))

    assert found is not None
    for told, dataset in zip(found.datasets, report.datasets, strict=True):
        assert told.bad_values is not None
        assert (told.bad_values.nulled, told.bad_values.skipped) == (
            dataset.bad_values.nulled,
            dataset.bad_values.skipped,
        )
        assert told.bad_values.examples is not None
        assert [e.value for e in told.bad_values.examples] == ["ü" * 8] * 5


@pytest.mark.parametrize("count", [10, 30, 100])
@pytest.mark.parametrize("most", [10, 10**6])
def test_bad_values_never_cost_the_counts_of_rows(count: int, most: int) -> None:
    report = with_bad_values(many(count, most=10**6, failed=True), most, 80)
    whole, found = read(encode(report.as_dict())), read(fit(report.as_dict()))

    assert whole is not None
    assert found is not None
    assert len(fit(report.as_dict()).encode()) <= TERMINATION_MESSAGE_BYTES
    assert [d.rows for d in found.datasets] == [d.rows for d in whole.datasets]
    kept = [d.bad_values and d.bad_values.nulled for d in found.datasets]
    counted = [d.bad_values and d.bad_values.nulled for d in whole.datasets]
    assert kept in (counted, [None] * count)


def test_datasets_packed_before_there_were_bad_values_are_read() -> None:
    report = many(20, most=1000, failed=False)
    packed = json.loads(fit(report.as_dict()))["datasets"]
    columns = json.loads(lzma.decompress(base64.b85decode(packed), lzma.FORMAT_RAW, None, FILTERS))
    older = lzma.compress(
        json.dumps(columns[:-3]).encode(), format=lzma.FORMAT_RAW, filters=FILTERS
    )

    found = read(json.dumps({**GOOD, "datasets": base64.b85encode(older).decode()}))

    assert found is not None
    assert [d.id for d in found.datasets] == [d.id for d in report.datasets]
    assert {d.bad_values for d in found.datasets} == {None}


def test_how_large_the_table_is_is_told_unless_the_datasets_need_the_room() -> None:
    small, large = many(1, most=10, failed=False), many(100, most=1_000_000, failed=True)
    huge = many(100, most=10**16, failed=True)
    told = []
    for report in (small, large, huge):
        report.table = TableSize(bytes=2**40, index_bytes=0)
        found = read(fit(report.as_dict()))
        assert found is not None
        told.append(found.table)
        report.table = None
        without = read(fit(report.as_dict()))
        assert without is not None
        assert [d.rows for d in without.datasets] == [d.rows for d in found.datasets], (
            "no count goes"
        )
        assert without.table is None

    assert told[0] is not None
    assert (told[0].bytes, told[0].index_bytes) == (2**40, 0)
    assert told[2] is None


@pytest.mark.parametrize("bytes_", [-1, 2**63, "8", 1.5])
def test_a_size_that_no_table_has_is_no_report(bytes_: object) -> None:
    written = {**many(1, most=10, failed=False).as_dict(), "table": {"bytes": bytes_}}

    assert read(json.dumps(written)) is None
