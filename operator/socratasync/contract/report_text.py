"""A run's report on its way to the operator: written to fit a termination message, and read from it. Pure.

Kubernetes cuts a termination message at 4,096 bytes, in the middle of a word. A report that is too long
packs its datasets, so that each of them arrives: see ``contract/columns.py``. What a pod says is never
trusted: a text that the status could not carry is no report.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import from_json

from socratasync.api.dataset_status import BadValues, RowCounts
from socratasync.api.status_parts import Count, Name, Sentence, StageSeconds, Word, Word256
from socratasync.api.successor_status import COLUMNS, SUCCESSORS
from socratasync.contract.columns import pack, unpack
from socratasync.contract.report import ROW_COUNTS, shorten
from socratasync.contract.successors import DIFFERENCES

TERMINATION_MESSAGE_BYTES = 4096
LARGEST_COUNT = 2**63 - 1
"""What the API server, and PostgreSQL, count with."""
MOST_COLUMNS = 1600
"""PostgreSQL's tables have no more."""

_EARLIEST, _LATEST = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)

Instant = Annotated[
    AwareDatetime,
    Field(ge=_EARLIEST, le=_LATEST),  # every zone's time of it is one, too
    AfterValidator(lambda at: at.astimezone(UTC).replace(microsecond=0)),
]
"""In UTC, in whole seconds, as a status has it."""
Int64 = Annotated[Count, Field(le=LARGEST_COUNT)]


def _countable(rows: RowCounts) -> RowCounts:
    if any((getattr(rows, name) or 0) > LARGEST_COUNT for name in ROW_COUNTS):
        raise ValueError("more rows than can be counted")
    return rows


Counts = Annotated[RowCounts, AfterValidator(_countable)]


def _countable_values(bad: BadValues) -> BadValues:
    if any((count or 0) > LARGEST_COUNT for count in (bad.nulled, bad.skipped)):
        raise ValueError("more values than can be counted")
    return bad


BadValuesTold = Annotated[BadValues, AfterValidator(_countable_values)]


class _Told(BaseModel):
    """A part of a report; what a later version adds is passed over."""

    model_config = ConfigDict(
        frozen=True, strict=True, alias_generator=to_camel, allow_inf_nan=False
    )


class Failure(_Told):
    """What failed."""

    reason: Annotated[Word, Field(pattern="^[A-Z][A-Za-z0-9]*$")]
    message: Sentence


class DatasetResult(_Told):
    """What became of one dataset; None for what was not told."""

    id: Annotated[Word, Field(min_length=1)]
    year: Annotated[int, Field(ge=0, le=9999)] | None = None
    rows: Counts | None = None
    left_out: Int64 | None = None
    shared: Int64 | None = None
    source_rows: Int64 | None = None
    source_updated_at: Instant | None = None
    last_synced_since: Instant | None = None
    verified: bool | None = None
    schema_in_sync: bool | None = None
    frozen_columns: Annotated[tuple[Word, ...], Field(max_length=MOST_COLUMNS)] | None = None
    frozen_column_count: Annotated[Count, Field(le=MOST_COLUMNS)] | None = None
    bad_values: BadValuesTold | None = None
    api: Word | None = None
    api_changed: Sentence | None = None
    error: Failure | None = None


class NoticeTold(_Told):
    """What the portal says about the end of an interface."""

    interface: Word
    text: Sentence
    date: Instant | None = None


_Names = Annotated[tuple[Word256, ...], Field(max_length=COLUMNS)]


class TableTold(_Told):
    """How large the table is."""

    bytes: Int64 | None = None
    index_bytes: Int64 | None = None


class SuccessorTold(_Told):
    """A dataset that follows those of the manifest."""

    id: Annotated[str, Field(pattern="^[a-z0-9]{4}-[a-z0-9]{4}$")]
    year: Annotated[int, Field(ge=1900, le=2200)] | None = None
    name: Word256 | None = None
    adopted: bool = False
    columns_missing: _Names = ()
    columns_new: _Names = ()
    columns_changed: _Names = ()
    reason: Sentence | None = None


class Report(_Told):
    """A run's report, version 1, as far as the operator needs it. ``notices`` is None where the worker does not say
    whether the portal gave any, ``successors`` where it does not say which there are."""

    v: Annotated[int, Field(ge=1, le=1)]
    run: Name
    ok: bool
    mode: Word | None = None
    rows: Counts | None = None
    datasets: Annotated[tuple[DatasetResult, ...], Field(max_length=100)] = ()
    last_synced_since: Instant | None = None
    bytes: Int64 | None = None
    table: TableTold | None = None
    seconds: StageSeconds | None = None
    warnings: tuple[str, ...] = ()
    notices: Annotated[tuple[NoticeTold, ...], Field(max_length=100)] | None = None
    successors: Annotated[tuple[SuccessorTold, ...], Field(max_length=SUCCESSORS)] | None = None
    error: Failure | None = None


# -- write ------------------------------------------------------------------------------------------


def encode(report: Mapping[str, Any]) -> str:
    """One line of compact JSON."""
    return json.dumps(report, ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class _Room:
    """How much is told: so many warnings, so many characters of each text, so many of each dataset's frozen
    columns, so many examples of its bad values, and so many columns of each successor's differences. Of all notices
    together, or of none, and of all successors: one that is left out would be taken for one that is no more."""

    warnings: int
    warning: int
    error: int
    dataset_error: int
    frozen: int
    examples: int
    differences: int = 0
    bad_values: bool = True
    why_changed: bool = True
    notices: bool = True
    successors: bool = True
    table: bool = True
    counts: bool = True


_LESS_AND_LESS = (
    _Room(20, 500, 500, 500, frozen=20, examples=5, differences=20),
    _Room(10, 200, 300, 120, frozen=20, examples=2, differences=10),
    _Room(5, 120, 200, 60, frozen=10, examples=1, differences=3),
    _Room(3, 80, 120, 30, frozen=5, examples=0),
    # Names that datasets share, as they mostly do, cost next to nothing; others are only counted then.
    _Room(0, 0, 50, 0, frozen=5, examples=0),
    _Room(0, 0, 50, 0, frozen=0, examples=0),
    _Room(0, 0, 50, 0, frozen=0, examples=0, bad_values=False, why_changed=False),
    _Room(
        0,
        0,
        50,
        0,
        frozen=0,
        examples=0,
        bad_values=False,
        why_changed=False,
        notices=False,
        successors=False,
        table=False,
    ),
    # A hundred datasets with a dozen digits in each number: what moved is told in the run's sums.
    _Room(
        0,
        0,
        40,
        0,
        frozen=0,
        examples=0,
        bad_values=False,
        why_changed=False,
        notices=False,
        successors=False,
        table=False,
        counts=False,
    ),
)


_LEFT_OUT = ("countedAt", "only", "successors", "table")
"""What no operator reads, or what is told if there is room for it."""

_NO_COUNTS: dict[str, Any] = {"rows": {}, "sourceRows": None, "leftOut": None, "shared": None}


def fit(report: Mapping[str, Any], limit: int = TERMINATION_MESSAGE_BYTES) -> str:
    """The report as JSON of at most ``limit`` bytes. Every dataset stays; messages are shortened."""
    text = encode(report)
    for room in _LESS_AND_LESS:
        if len(text.encode()) <= limit:
            break
        text = encode(_packed(report, room))
    return text


def _packed(report: Mapping[str, Any], room: _Room) -> dict[str, Any]:
    """Without what no operator reads, and less of the rest."""
    told = report["warnings"]
    left_out = len(told) - room.warnings
    warnings = [shorten(text, room.warning) for text in told[: room.warnings]]
    datasets = [
        {
            **dataset,
            "error": _cut(dataset["error"], room.dataset_error),
            "frozenColumns": (names := dataset["frozenColumns"]) and names[: room.frozen],
            "badValues": _fewer(dataset["badValues"], room),
            "apiChanged": dataset["apiChanged"] if room.why_changed else None,
            **({} if room.counts else _NO_COUNTS),
        }
        for dataset in report["datasets"]
    ]
    return {
        **{n: told for n, told in report.items() if n not in _LEFT_OUT},
        "run": shorten(report["run"], 63),  # no name of a Job is longer
        "datasets": pack(datasets),
        **({"table": report["table"]} if report["table"] and room.table else {}),
        "warnings": [*warnings, f"{left_out} more warnings; see the log"][: len(told)]
        if left_out > 0
        else warnings,
        "notices": (report["notices"] if room.notices else None) if report["notices"] else [],
        **_successors(report["successors"], room),
        "error": _cut(report["error"], room.error),
    }


def _successors(told: list[dict[str, Any]] | None, room: _Room) -> dict[str, Any]:
    """What there is room for of the successors; nothing at all is what says least."""
    if told is None or not room.successors:
        return {}
    return {
        "successors": [
            {
                **each,
                **{kind: each[kind][: room.differences] for kind in DIFFERENCES},
                "reason": each["reason"] and shorten(each["reason"], max(room.dataset_error, 60)),
            }
            for each in told
        ]
    }


def _fewer(bad: Mapping[str, Any] | None, room: _Room) -> dict[str, Any] | None:
    if bad is None or not room.bad_values:
        return None
    return {**bad, "examples": bad["examples"][: room.examples]}


def _cut(error: Mapping[str, str] | None, characters: int) -> dict[str, str] | None:
    return None if error is None else {**error, "message": shorten(error["message"], characters)}


# -- read -------------------------------------------------------------------------------------------


def read(text: str) -> Report | None:
    """The report in a termination message; None if there is none.

    A kubelet that found no message gives the end of the log instead, whose last line is the report as
    well, if it is whole.
    """
    return next((found for line in _lines(text) if (found := _read(line)) is not None), None)


def _lines(text: str) -> Iterator[str]:
    """The lines that may be a report, the last one first."""
    return (line for line in reversed(text.split("\n")) if line.startswith("{"))


def _read(line: str) -> Report | None:
    try:
        told = from_json(line, allow_inf_nan=False)
        if not isinstance(told, dict) or told.get("v") != 1:
            return None
        if isinstance(datasets := told.get("datasets"), str):
            told["datasets"] = unpack(datasets)
        return Report.model_validate_json(json.dumps(told), strict=True, extra="ignore")
    except (ValidationError, ValueError):
        return None
