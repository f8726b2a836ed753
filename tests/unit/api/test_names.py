from __future__ import annotations

import re
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from socratasync.api.names import (
    Address,
    ColumnName,
    ColumnType,
    DatasetId,
    Domain,
    SourceField,
    TableName,
    ViewName,
)
from socratasync.pipeline.target.types import type_sql

TAKEN = [
    (Domain, "data.lacity.org"),
    (Domain, "localhost:8443"),
    (Domain, "127.0.0.1:8443"),
    (Domain, "xn--bcher-kva.example"),
    (DatasetId, "rq3b-xjk8"),
    (TableName, "requests"),
    (TableName, "_Requests$2024"),
    (TableName, "t" * 63),
    (ViewName, "service_requests"),
    (ViewName, "reports.service_requests"),
    (ColumnName, "srnumber"),
    (ColumnName, "Zip Code"),
    (ColumnName, "straße"),
    (SourceField, ":updated_at"),
    (SourceField, ":@computed_region_k96s_3jcv"),
    (SourceField, "locator_sr_house_number_"),
    (SourceField, "_1950"),
    (Address, "https://app.example.org/reload?key=1"),
    (Address, "http://reports.data.svc:8080"),
    (Address, "http://[::1]:8080/"),
]

REFUSED = [
    (Domain, ""),
    (Domain, "data..org"),
    (Domain, "-data.org"),
    (Domain, "data.lacity.org:"),
    (Domain, "data.lacity.org:0"),
    (Domain, "data.lacity.org\n"),
    (DatasetId, "rq3b-xjk8 "),
    (DatasetId, "rq3b_xjk8"),
    (TableName, "2024"),
    (TableName, "my table"),
    (TableName, "t" * 64),
    (ViewName, "a.b.c"),
    (ViewName, ".a"),
    (ColumnName, ""),
    (ColumnName, 'a"b'),
    (ColumnName, "a\tb"),
    (SourceField, "Zip Code"),
    (SourceField, "::id"),
    (Address, "https://"),
    (Address, "https://user:pw@example.org"),
    (Address, "https://example.org/a b"),
    (Address, "ftp://example.org/"),
]


@pytest.mark.parametrize(("kind", "text"), TAKEN)
def test_a_name_is_taken(kind: Any, text: str) -> None:
    assert TypeAdapter(kind).validate_python(text) == text


@pytest.mark.parametrize(("kind", "text"), REFUSED)
def test_a_name_is_refused(kind: Any, text: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(kind).validate_python(text)


def test_a_column_is_measured_in_bytes_as_postgresql_does() -> None:
    fits, does_not = "straße" * 9, "straße" * 9 + "ß"

    assert (len(fits.encode()), len(does_not)) == (63, 55)
    assert TypeAdapter(ColumnName).validate_python(fits) == fits
    with pytest.raises(ValidationError):
        TypeAdapter(ColumnName).validate_python(does_not)


TYPES = """
text | integer | bigint | numeric(10,2) | numeric(10, 2) | varchar(20) | character varying(20)
timestamp | timestamptz | timestamp with time zone | timestamp(3) without time zone | double precision
text[] | public.citext | geometry(Point,4326) | date | JSONB
""".replace("\n", "|")


@pytest.mark.parametrize("written", [t.strip() for t in TYPES.split("|") if t.strip()])
def test_a_type_that_the_manifest_takes_can_be_written_as_sql(written: str) -> None:
    assert TypeAdapter(ColumnType).validate_python(written) == written
    assert type_sql(written)


@pytest.mark.parametrize(
    "written", ["text; drop", "text default 1", "int not null --", "text)", "("]
)
def test_a_type_that_is_more_than_a_type_is_refused(written: str) -> None:
    with pytest.raises(ValidationError, match=re.escape("must be a PostgreSQL type")):
        TypeAdapter(ColumnType).validate_python(written)


def test_no_type_means_that_the_dataset_tells() -> None:
    assert TypeAdapter(ColumnType).validate_python("") == ""
